/// The page of a report. Double braces escape what they insert; triple braces insert drawings and the style sheet.
enum ReportTemplate {
  static let html = """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>{{title}}</title>
    <style>
    {{{style}}}
    </style>
    </head>
    <body>
    <main>
    <header>
    <p class="mark">Walsh</p>
    <h1>{{title}}</h1>
    <p class="summary">{{summary}}</p>
    </header>
    {{#hasHighlights}}
    <ul class="highlights">
    {{#highlights}}
    <li><strong>{{value}}</strong><span>{{name}}</span></li>
    {{/highlights}}
    </ul>
    {{/hasHighlights}}
    {{#comparison}}
    <section>
    <h2>Models</h2>
    <div class="scroll">
    {{#table}}
    \(table)
    {{/table}}
    </div>
    <p class="note">{{explanation}}</p>
    </section>
    {{/comparison}}
    {{#figures}}
    <figure>{{{svg}}}</figure>
    {{/figures}}
    {{#sections}}
    <section>
    <h2>{{heading}}</h2>
    <div class="scroll">
    {{#table}}
    \(table)
    {{/table}}
    </div>
    <p class="note">{{note}}</p>
    </section>
    {{/sections}}
    {{#hasFacts}}
    <section>
    <h2>Settings</h2>
    <dl>
    {{#facts}}
    <div><dt>{{name}}</dt><dd>{{value}}</dd></div>
    {{/facts}}
    </dl>
    </section>
    {{/hasFacts}}
    {{#layers}}
    <section>
    <h2>Layers</h2>
    <details>
    <summary>The errors of all {{count}} layers</summary>
    <div class="scroll">
    {{#table}}
    \(table)
    {{/table}}
    </div>
    </details>
    </section>
    {{/layers}}
    {{#command}}
    <section>
    <h2>Again</h2>
    <pre><code>{{command}}</code></pre>
    </section>
    {{/command}}
    </main>
    </body>
    </html>

    """

  private static let table = """
    <table>
    <thead><tr>{{#headings}}<th scope="col" class="{{class}}">{{text}}</th>{{/headings}}</tr></thead>
    <tbody>
    {{#rows}}
    <tr>{{#cells}}<td class="{{class}}">{{text}}<small>{{detail}}</small></td>{{/cells}}</tr>
    {{/rows}}
    </tbody>
    </table>
    """

  static let css = """
    :root{--ink:#1c2430;--muted:#5b6675;--line:#dfe4ea;--page:#f6f8fa;--card:#fff;--accent:#0072b2;--good:#0b6e4f}
    @media (prefers-color-scheme:dark){:root{--ink:#e6eaf0;--muted:#9aa6b5;--line:#2c3541;--page:#0d1219;--card:#141a22;\
    --accent:#56a8e0;--good:#4fd1a5}}
    *{box-sizing:border-box}
    html{-webkit-text-size-adjust:100%}
    body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",\
    "Helvetica Neue",Arial,sans-serif}
    main{max-width:70rem;margin:0 auto;padding:3rem 1.5rem 4rem}
    .mark{margin:0 0 .5rem;color:var(--accent);font-weight:600;font-size:.8rem;letter-spacing:.14em;\
    text-transform:uppercase}
    h1{margin:0;font-size:clamp(1.7rem,4vw,2.4rem);line-height:1.15;letter-spacing:-.02em;text-wrap:balance}
    h2{margin:0 0 .9rem;font-size:1.05rem;letter-spacing:-.005em}
    .summary{margin:.8rem 0 0;max-width:44rem;color:var(--muted);font-size:1.08rem}
    section,figure{margin:1.25rem 0 0;padding:1.4rem 1.5rem;background:var(--card);border:1px solid var(--line);\
    border-radius:12px}
    figure{overflow-x:auto}
    figure svg{display:block;min-width:36rem}
    .highlights{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:1px;margin:2rem 0 0;padding:0;\
    list-style:none;background:var(--line);border:1px solid var(--line);border-radius:12px;overflow:hidden}
    .highlights li{padding:1.1rem 1.5rem 1.2rem;background:var(--card)}
    .highlights strong{display:block;font-size:1.9rem;line-height:1.2;letter-spacing:-.02em;font-weight:650;\
    font-variant-numeric:tabular-nums}
    .highlights span{color:var(--muted);font-size:.88rem;line-height:1.35;display:block}
    .scroll{overflow-x:auto}
    table{width:100%;border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums;white-space:nowrap}
    th{color:var(--muted);font-weight:500;font-size:.82rem;border-bottom:1px solid var(--muted)}
    th,td{padding:.5rem .55rem}
    th:first-child,td:first-child{padding-left:0}
    th:last-child,td:last-child{padding-right:0}
    tbody tr+tr td{border-top:1px solid var(--line)}
    td:first-child{font-weight:550}
    .leading{text-align:left}
    .trailing{text-align:right}
    td.best{color:var(--good);font-weight:650}
    td small{display:block;color:var(--muted);font-size:.78rem;font-weight:400;line-height:1.2}
    td small:empty{display:none}
    td{vertical-align:top}
    td.muted{color:var(--muted)}
    .note{margin:1rem 0 0;max-width:52rem;color:var(--muted);font-size:.84rem}
    dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:.9rem 2rem;margin:0}
    dt{color:var(--muted);font-size:.82rem}
    dd{margin:0;overflow-wrap:anywhere}
    summary{cursor:pointer;color:var(--accent)}
    details .scroll{margin-top:.8rem}
    pre{margin:0;padding:.9rem 1rem;white-space:pre-wrap;overflow-wrap:anywhere;background:var(--page);border-radius:8px;\
    font:.86rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
    @media print{body{background:none}main{max-width:none;padding:0}section,figure{break-inside:avoid}}

    """
}
