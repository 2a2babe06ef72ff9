/// The style sheet of all drawings.
///
/// The series colours are those of Okabe and Ito, told apart with every common colour blindness, their black as a grey,
/// lightened on a dark page.
public enum PlotStyle {
  /// The number of series colours; further series begin again with other markers.
  static let colours = 7

  /// The class of series `index`.
  static func series(_ index: Int) -> String { "s\(index % colours)" }

  /// Style for `SVG.inline` elements, light and dark after the reader's preference.
  public static let css = """
    .walsh-plot{--ink:#1c2430;--muted:#5b6675;--grid:#e3e7ec;--paper:#fff;--c0:#0072b2;--c1:#d55e00;--c2:#009e73;\
    --c3:#b4559a;--c4:#c98700;--c5:#3d9fd6;--c6:#5f6770;width:100%;height:auto;font:13px system-ui,-apple-system,"Segoe UI",\
    "Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
    @media (prefers-color-scheme:dark){.walsh-plot{--ink:#e6eaf0;--muted:#9aa6b5;--grid:#2c3541;--paper:#141a22;\
    --c0:#56a8e0;--c1:#f08a3c;--c2:#2fc79a;--c3:#e39ac9;--c4:#f0c04a;--c5:#9ad4f5;--c6:#aeb6c0}}
    .walsh-plot text{fill:var(--ink);stroke:none}
    .walsh-plot .paper{fill:var(--paper)}
    .walsh-plot .muted{fill:var(--muted)}
    .walsh-plot .heading{font-weight:600;font-size:15px}
    .walsh-plot .strong{font-weight:600}
    .walsh-plot .grid{stroke:var(--grid);stroke-width:1}
    .walsh-plot .axis{stroke:var(--muted);stroke-width:1}
    .walsh-plot .base{stroke:var(--ink);stroke-width:1.5;stroke-dasharray:5 4}
    .walsh-plot .whisker{stroke:var(--ink);stroke-width:1.5}
    .walsh-plot .s0{--c:var(--c0)}.walsh-plot .s1{--c:var(--c1)}.walsh-plot .s2{--c:var(--c2)}
    .walsh-plot .s3{--c:var(--c3)}.walsh-plot .s4{--c:var(--c4)}.walsh-plot .s5{--c:var(--c5)}
    .walsh-plot .s6{--c:var(--c6)}
    .walsh-plot .bar{fill:var(--c);fill-opacity:.85}
    .walsh-plot .dot{fill:var(--c);stroke:var(--paper);stroke-width:1}
    .walsh-plot .curve{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round}
    .walsh-plot .area{fill:var(--c);fill-opacity:.3;stroke:none}
    """
}
