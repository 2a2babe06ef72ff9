import WalshTraining

extension PatternStudy {
  /// The shares of patterns by kind of layer, and the errors of each mode for each format.
  public var plots: [any Plot] {
    let headings = ["X": "Activations X", "W": "Weights W", "E": "Output gradients E"]
    let places = StackedBarChart(
      title: "Where the outliers lie", axis: "observations, %",
      parts: ["in rows", "in columns", "nowhere in particular"],
      groups: Self.tensors.map { tensor in
        GroupedRows.Group(
          headings[tensor.name] ?? tensor.name,
          kinds.map { kind in
            let counted = shares(of: tensor.pattern, kind: kind)
            return GroupedRows.Row(kind, OutlierPattern.allCases.map { counted[$0] ?? 0 })
          })
      })
    return [places] + settings.formats.indices.map(errorPlot)
  }

  private func errorPlot(format: Int) -> any Plot {
    DotChart(
      title: "Error of each product in \(settings.formats[format].name)", axis: "relative error",
      series: ProductMode.shown.map(\.label) + ["AdaHOP Lv1"],
      groups: ProductSlot.allCases.map { slot in
        GroupedRows.Group(
          slot.label.prefix(1).uppercased() + slot.label.dropFirst(),
          kinds.map { kind in
            let measured = errors(of: slot, kind: kind, format: format)
            return GroupedRows.Row(
              kind, ProductMode.shown.map { measured[$0] } + [error(of: slot, kind: kind, format: format, by: .lv1)])
          })
      })
  }

  /// The tables with what they show.
  public var sections: [Report.Section] {
    var sections = [
      Report.Section(
        "Patterns", shareTable,
        note:
          "Shares of \(windows) windows and all layers of a kind. X: activations, W: weights, E: output gradients.")
    ]
    for (index, format) in settings.formats.enumerated() {
      sections.append(
        Report.Section(
          "Errors in \(format.name)", errorTable(format: index),
          note:
            "The relative error of A·B by the patterns of A and B as the product uses them, root mean square over "
            + "layers and windows. IHT rotates along the contraction axis, OHT along the others; OE rotates as IHT and "
            + "computes lines apart: at most \(settings.extractionCount), and at most "
            + "\(Figure.percent(settings.extractionShare, 1)) of an operand's. AdaHOP is the choice of its Lv2 table."
        ))
      sections.append(
        Report.Section(
          "Strategies in \(format.name)", strategyTable(format: index),
          note:
            "The relative error of each product, root mean square over all layers and windows. AdaHOP executes OE left "
            + "as IHT in the weight gradient; “everywhere” and “best” do not."))
    }
    sections.append(
      Report.Section(
        "Layers", layerTable,
        note: "The pattern that most windows have, how many have it, and the mode that AdaHOP Lv2 chooses."))
    return sections
  }
}

extension Report {
  /// What is told about the outlier patterns of the model called `name`, read on `text`.
  public init(_ study: PatternStudy, model name: String, text: String, command: String? = nil) {
    self.init(
      title: "Outlier patterns of \(name)",
      summary: "Where the large values of activations, weights and gradients lie, and how well each way to compute a "
        + "product in four bits copes with them.",
      facts: [
        Fact("Model", name), Fact("Text", text), Fact("Windows", "\(study.windows), \(study.tokens) tokens"),
        Fact("Threshold", Figure.fixed(study.settings.detector.threshold, 1)),
        Fact("Source", "AdaHOP, arXiv 2604.02525"),
      ],
      sections: study.sections, plots: study.plots, command: command)
  }
}
