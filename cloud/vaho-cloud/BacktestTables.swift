internal import Console
internal import Evaluation
internal import Pipeline
internal import Runtime
internal import Text

/// A backtest's report as tables for a terminal.
enum BacktestTables {
    static func text(_ report: BacktestReport) -> String {
        let leadTimes = report.leadTimes
        func table(_ first: String, _ rows: [(String, [Double?])], _ places: Int, isWithMean: Bool = false) -> String {
            var table = Table(
                [.text(first)] + leadTimes.map { .number(DurationText.short($0)) } + (isWithMean ? [.number("mean")] : []))
            for (name, values) in rows {
                var cells = values.map { $0.flatMap { NumberText.fixed($0, places: places) } ?? "" }
                if isWithMean {
                    cells.append(BacktestReport.geometricMean(values.compactMap { $0 }).flatMap { NumberText.fixed($0, places: places) } ?? "")
                }
                table.addRow([name] + cells)
            }
            return table.text(width: StandardOutput.width)
        }
        let ratios = report.series.map { series in (series.name, leadTimes.map { series.scores[$0]?.relativeError }) }
        let all = ("all", leadTimes.map { report.geometricMean(at: $0, \.relativeError) })
        let coverages = ("coverage of the 80 % interval", leadTimes.map { report.mean(at: $0, \.coverage) })
        let means = [
            ("weighted interval score, %RH", leadTimes.map { report.mean(at: $0, \.meanWeightedInterval) }),
            ("mean absolute error, %RH", leadTimes.map { report.mean(at: $0, \.meanAbsoluteError) }),
            ("skill over climatology", leadTimes.map { report.mean(at: $0, \.skillOverClimatology) }),
            ("skill over persistence", leadTimes.map { report.mean(at: $0, \.skillOverPersistence) }),
        ]
        return "mean absolute error, divided by the error of persistence or seasonal naive, whichever is smaller; all: geometric mean\n"
            + table("series", ratios + [all], 3, isWithMean: true) + "\nmeans over the series\n" + table("", [coverages] + means, 3) + "\n"
    }
}
