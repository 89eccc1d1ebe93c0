internal import Evaluation
internal import Forecasting
internal import Glibc
internal import Measures
internal import Text

/// A backtest's report as one self-contained HTML file: tables, skill against lead time, reliability, and charts of the best and worst forecasts.
package struct BacktestPage {
    private static let reliabilityLeadTimes: [Duration] = [1, 6, 24, 120].map { .seconds($0 * 3_600) }
    private static let shownCases = 3

    private let report: BacktestReport
    private let method: String

    /// - Parameter method: a description of the forecasts' method, for people.
    package init(_ report: BacktestReport, method: String) { (self.report, self.method) = (report, method) }

    package var html: String {
        let origins = report.series.reduce(0) { $0 + $1.origins }
        let (good, bad) = report.bestAndWorstCases(BacktestPage.shownCases)
        return """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Vaho backtest</title>
            <style>\(BacktestPage.style)</style></head><body><main>
            <h1>Backtest</h1>
            <p>\(HTML.text(method)). \(report.series.count) series, \(origins) origins. A forecast uses no observation after its origin.</p>
            <h2>Error relative to the better naive forecast</h2>
            <p>Mean absolute error of the forecast, divided by the error of persistence (no change) or of seasonal naive (the value at the same
            time of day on the last known day), whichever is smaller. Below 1, the forecast is better.
            Last line: the geometric mean over the series.</p>
            \(ratios)
            <h2>Means over all series</h2>
            <p>Coverage is the share of targets within the 80 % interval; the weighted interval score is in % of relative humidity; skill is
            1 − error of the forecast / error of the reference forecast.</p>
            \(summary)
            <h2>Skill against lead time</h2>
            <figure>\(skill)<figcaption>\(legend([("a", "over climatology"), ("b", "over persistence"), ("c", "over seasonal naive")]))
            Mean over the series. Below 0, the reference forecast is better.</figcaption></figure>
            <h2>Reliability</h2>
            <figure>\(reliability)<figcaption>\(legend(reliabilityLegend))
            The share of observed values at or below each quantile. On the diagonal, the share equals the stated level.</figcaption></figure>
            <h2>Best forecasts</h2>\(good.map(fanChart).joined())
            <h2>Worst forecasts</h2>\(bad.map(fanChart).joined())
            </main></body></html>

            """
    }

    // MARK: tables

    private var ratios: String {
        var rows = report.series.map { series in
            row(series.name, report.leadTimes.map { cell(series.scores[$0]?.relativeError, 3, isWorse: { $0 > 1 }) })
        }
        rows.append(row("all", report.leadTimes.map { cell(report.geometricMean(at: $0, \.relativeError), 3, isWorse: { $0 > 1 }) }, "sum"))
        return table(rows)
    }

    private var summary: String {
        table([
            row(
                "coverage of the 80 % interval",
                report.leadTimes.map { cell(report.mean(at: $0, \.coverage), 2, isWorse: { $0 < 0.76 || $0 > 0.84 }) }),
            row("weighted interval score", report.leadTimes.map { cell(report.mean(at: $0, \.meanWeightedInterval), 2) }),
            row("mean absolute error", report.leadTimes.map { cell(report.mean(at: $0, \.meanAbsoluteError), 2) }),
            row("skill over climatology", report.leadTimes.map { cell(report.mean(at: $0, \.skillOverClimatology), 2, isWorse: { $0 < 0 }) }),
        ])
    }

    private func table(_ rows: [String]) -> String {
        let head = report.leadTimes.map { "<th scope=\"col\">\(DurationText.short($0))</th>" }.joined()
        return "<div class=\"wide\"><table><thead><tr><th></th>\(head)</tr></thead><tbody>\(rows.joined())</tbody></table></div>"
    }
    private func row(_ name: String, _ cells: [String], _ style: String = "") -> String {
        "<tr class=\"\(style)\"><th scope=\"row\">\(HTML.text(name))</th>\(cells.joined())</tr>"
    }
    private func cell(_ value: Double?, _ places: Int, isWorse: (Double) -> Bool = { _ in false }) -> String {
        guard let value, let text = NumberText.fixed(value, places: places) else { return "<td>–</td>" }
        return "<td\(isWorse(value) ? " class=\"worse\"" : "")>\(text)</td>"
    }

    private func legend(_ entries: [(style: String, words: String)]) -> String {
        entries.map { "<span><i class=\"\($0.style)\"></i>\(HTML.text($0.words))</span>" }.joined(separator: " ")
    }

    // MARK: plots

    private var skill: String {
        func hours(_ leadTime: Duration) -> Double { Double(leadTime.wholeSeconds) / 3_600 }
        let curves: [(String, (Score) -> Double?)] = [
            ("a", \.skillOverClimatology), ("b", \.skillOverPersistence), ("c", \.skillOverSeasonalNaive),
        ]
        // Only lead times that every series has: otherwise the means at two lead times would be over different series.
        let scored = report.series.filter { !$0.scores.isEmpty }
        let leadTimes = report.scoredLeadTimes.filter { leadTime in scored.allSatisfy { $0.scores[leadTime] != nil } }
        guard let first = leadTimes.first, let last = leadTimes.last, first < last else { return "" }
        var plot = Plot("Skill against lead time", x: log(hours(first))...log(hours(last)), y: -0.2...1)
        plot.yAxis(unit: "")
        plot.xAxis(report.leadTimes.filter { leadTimes.contains($0) }.map { (at: log(hours($0)), label: DurationText.short($0)) }, "lead time")
        for (style, value) in curves {
            plot.line(leadTimes.compactMap { leadTime in report.mean(at: leadTime, value).map { (log(hours(leadTime)), $0) } }, "line \(style)")
        }
        return plot.svg
    }

    private var reliabilityLegend: [(style: String, words: String)] {
        zip(["a", "b", "c", "d"], BacktestPage.reliabilityLeadTimes.filter { report.scoredLeadTimes.contains($0) })
            .map { ($0, DurationText.short($1)) }
    }

    private var reliability: String {
        var plot = Plot("Reliability of the quantiles", width: 420, height: 360, x: 0...1, y: 0...1)
        plot.yAxis(unit: "")
        plot.xAxis([0, 0.2, 0.4, 0.6, 0.8, 1].map { (at: $0, label: NumberText.fixed($0, places: 1) ?? "") }, "level")
        plot.line([(0, 0), (1, 1)], "mark")
        for ((style, _), leadTime) in zip(reliabilityLegend, BacktestPage.reliabilityLeadTimes.filter { report.scoredLeadTimes.contains($0) }) {
            let points = ForecastShape.levels.indices.compactMap { level in
                report.mean(at: leadTime) { $0.reliability?[level] }.map { (ForecastShape.levels[level], $0) }
            }
            plot.line(points, "line \(style)")
            plot.dots(points, "dot \(style)")
        }
        return plot.svg
    }

    private func fanChart(_ shown: BacktestReport.Case) -> String {
        let forecast = shown.forecast
        func hours(_ at: Instant) -> Double { Double((at - forecast.origin).ms) / 3_600_000 }
        let fan = forecast.leadTimes.indices.map { (x: hours(forecast.origin + forecast.leadTimes[$0]), lead: $0) }
        let observed = shown.observed.map { (x: hours($0.validAt), y: $0.humidity.percent) }
        let values = forecast.humidity + observed.map(\.y)
        let low = max(0, (values.min() ?? 0) - 2), high = min(100, (values.max() ?? 100) + 2)
        let title = "\(shown.series) from \(RFC3339.format(ms: forecast.origin.ms))"
        var plot = Plot(title, height: 230, x: -72...120, y: low...max(low + 1, high))
        plot.yAxis(unit: " %")
        plot.xAxis(stride(from: -72, through: 120, by: 24).map { (at: Double($0), label: $0 == 0 ? "origin" : "\($0 / 24) d") }, "")
        let median = ForecastShape.medianLevel
        for level in 0..<median {
            plot.band(
                fan.map {
                    (x: $0.x, low: forecast.humidity(lead: $0.lead, level: level), high: forecast.humidity(lead: $0.lead, level: 2 * median - level))
                }, "band")
        }
        for stretch in observed.split(whereGapAbove: 2) { plot.line(stretch, "line observed") }
        plot.line(fan.map { (x: $0.x, y: forecast.median(lead: $0.lead)) }, "line a")
        plot.verticalLine(0)
        let score = NumberText.fixed(shown.weightedInterval, places: 2) ?? ""
        return
            "<figure>\(plot.svg)<figcaption>\(HTML.text(title)): weighted interval score \(score) % on average. \(legend([("observed", "observed"), ("a", "median; bands of 50, 80 and 90 %")]))</figcaption></figure>"
    }

    private static let style = """
        :root{color-scheme:light dark;--ink:#1c2430;--paper:#fff;--muted:#5d6878;--line:#d8dee6;--a:#0b6e99;--b:#b4540a;--c:#5b7f1d;--d:#8a3f9e}
        @media(prefers-color-scheme:dark){:root{--ink:#e4e9f0;--paper:#12171e;--muted:#9aa6b5;--line:#2c3642;--a:#58b5dd;--b:#e8995a;--c:#a5c965;--d:#c790d8}}
        body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}main{max-width:60rem;margin:auto;padding:1rem}
        h2{margin-top:2rem}.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
        th,td{padding:.15rem .6rem;text-align:right}th:first-child{text-align:left;font-weight:400}thead th{color:var(--muted);font-weight:400}
        tbody tr{border-top:1px solid var(--line)}.sum,.sum th{font-weight:700}.worse{color:var(--b);text-decoration:underline dotted}
        figure{margin:1rem 0}figcaption,text{color:var(--muted);fill:var(--muted);font-size:13px}svg{display:block;width:100%;height:auto}
        .line{fill:none;stroke-width:2}.axis,.grid,.mark{fill:none;stroke:var(--line)}.mark{stroke-dasharray:4 4;stroke:var(--muted)}
        .a{stroke:var(--a)}.b{stroke:var(--b)}.c{stroke:var(--c)}.d{stroke:var(--d)}.dot{fill:var(--paper);stroke-width:2}.observed{stroke:var(--ink)}
        .band{fill:var(--a);fill-opacity:.18}figcaption i{display:inline-block;width:1.4em;border-top:3px solid;margin-right:.3em;vertical-align:middle}
        i.a{color:var(--a)}i.b{color:var(--b)}i.c{color:var(--c)}i.d{color:var(--d)}i.observed{color:var(--ink)}figcaption span{white-space:nowrap;margin-right:.8em}
        """
}

extension [(x: Double, y: Double)] {
    /// Splits a line at gaps, so that no line is drawn over hours without observations.
    fileprivate func split(whereGapAbove gap: Double) -> [Self] {
        var stretches: [Self] = []
        for (index, point) in enumerated() {
            if index == 0 || point.x - self[index - 1].x > gap { stretches.append([]) }
            stretches[stretches.count - 1].append(point)
        }
        return stretches
    }
}
