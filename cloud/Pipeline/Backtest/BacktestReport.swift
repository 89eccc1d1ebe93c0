package import Evaluation
package import Forecasting
internal import Glibc
internal import Measures
internal import Observing

/// The results of a backtest for each series: scores at every lead time, and the forecasts with the best and the worst score.
package struct BacktestReport: Sendable {
    /// One forecast with the observations around its origin.
    package struct Case: Sendable {
        package let series: String
        package let forecast: QuantileForecast
        let observed: [Observation]  // from 3 days before the origin to the horizon
        package let weightedInterval: Double  // mean over the lead times, in %RH
    }

    package struct Series: Sendable {
        package let name: String
        package let origins: Int
        package let scores: [Duration: Score]
        package let best: Case?
        package let worst: Case?
        package let meanWeightedInterval: Double
    }

    package let leadTimes: [Duration]  // columns of the tables
    package private(set) var series: [Series] = []

    package init(leadTimes: [Duration]) { self.leadTimes = leadTimes }

    private static let before: Duration = .seconds(3 * 86_400)  // how much history the chart of a case shows

    package mutating func add(_ replayed: Backtest.Replay) {
        guard let truth = GriddedSeries(name: replayed.name, grid: replayed.grid, observations: replayed.observations) else { return }
        var scores: [Duration: Score] = [:]
        var best: (index: Int, score: Double)?, worst: (index: Int, score: Double)?
        var (total, judged) = (0.0, 0)
        for (index, forecast) in replayed.forecasts.enumerated() {
            var (sum, count) = (0.0, 0)
            for (lead, leadTime) in forecast.leadTimes.enumerated() {
                let target = forecast.origin + leadTime
                let actual = truth.humidity(bin: truth.bin(of: target))
                guard actual == actual else { continue }
                // If the time of the seasonal naive forecast is in a gap, the last value before the gap is used.
                let seasonalNaive = truth.lastHumidity(notAfter: truth.bin(of: target - BacktestReport.wholeDays(leadTime)))
                let loss = ForecastLoss(of: forecast, lead: lead, actual: actual, seasonalNaive: seasonalNaive)
                scores[leadTime, default: Score()].add(loss)
                sum += loss.weightedInterval
                count += 1
            }
            guard 10 * count >= 9 * forecast.leadTimes.count else { continue }  // too few targets were observed to judge the forecast
            let mean = sum / Double(count)
            total += mean
            judged += 1
            if best.map({ mean < $0.score }) ?? true { best = (index, mean) }
            if worst.map({ mean > $0.score }) ?? true { worst = (index, mean) }
        }
        func makeCase(_ at: (index: Int, score: Double)?) -> Case? {
            at.map { at in
                let forecast = replayed.forecasts[at.index]
                let shown = (forecast.origin - BacktestReport.before)...(forecast.origin + ForecastShape.horizon)
                return Case(
                    series: replayed.name, forecast: forecast, observed: replayed.observations.filter { shown.contains($0.validAt) },
                    weightedInterval: at.score)
            }
        }
        series.append(
            Series(
                name: replayed.name, origins: replayed.forecasts.count, scores: scores, best: makeCase(best), worst: makeCase(worst),
                meanWeightedInterval: judged > 0 ? total / Double(judged) : 0))
    }

    private static func wholeDays(_ leadTime: Duration) -> Duration { .seconds((leadTime.wholeSeconds + 86_399) / 86_400 * 86_400) }

    /// Every lead time at which at least one series has a score.
    package var scoredLeadTimes: [Duration] { Set(series.flatMap(\.scores.keys)).sorted() }

    /// The mean over the series, each with the same weight; `nil` if no series has the value.
    package func mean(at leadTime: Duration, _ value: (Score) -> Double?) -> Double? {
        let values = series.compactMap { $0.scores[leadTime].flatMap(value) }
        return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }

    package func geometricMean(at leadTime: Duration, _ value: (Score) -> Double?) -> Double? {
        BacktestReport.geometricMean(series.compactMap { $0.scores[leadTime].flatMap(value) })
    }

    /// The geometric mean of the positive values; `nil` if there are none.
    package static func geometricMean(_ values: [Double]) -> Double? {
        let positive = values.filter { $0 > 0 }
        guard !positive.isEmpty else { return nil }
        return exp(positive.reduce(0) { $0 + log($1) } / Double(positive.count))
    }

    /// The best and the worst forecasts, by their score relative to the mean score of their series.
    package func bestAndWorstCases(_ count: Int) -> (good: [Case], bad: [Case]) {
        func ordered(_ cases: [(Case, Double)]) -> [Case] { cases.sorted { $0.1 < $1.1 }.map(\.0) }
        let judged = series.filter { $0.meanWeightedInterval > 0 }
        let good = ordered(judged.compactMap { series in series.best.map { ($0, $0.weightedInterval / series.meanWeightedInterval) } })
        let bad = ordered(judged.compactMap { series in series.worst.map { ($0, -$0.weightedInterval / series.meanWeightedInterval) } })
        return (Array(good.prefix(count)), Array(bad.prefix(count)))
    }
}
