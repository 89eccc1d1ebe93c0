package import Forecasting
internal import Glibc
internal import Measures
internal import Observing

/// What a backtest found, series by series: scores at every lead time, and the forecasts that went best and worst.
package struct BacktestReport: Sendable {
    /// One forecast among what was observed around it.
    package struct Case: Sendable {
        package let series: String
        package let forecast: QuantileForecast
        let observed: [Observation]  // the days before the origin, and what came
        package let weightedInterval: Double  // mean over the lead times, in %RH
    }

    package struct Series: Sendable {
        package let name: String
        package let origins: Int
        package let scores: [Duration: BacktestScore]
        package let best: Case?
        package let worst: Case?
        package let meanWeightedInterval: Double
    }

    package let leadTimes: [Duration]  // of the tables
    package private(set) var series: [Series] = []

    package init(leadTimes: [Duration]) { self.leadTimes = leadTimes }

    private static let before: Duration = .seconds(3 * 86_400)  // what a case shows of its past

    package mutating func add(_ replayed: Backtest.Replayed) {
        guard let truth = GriddedSeries(name: replayed.name, grid: replayed.grid, observations: replayed.observations) else { return }
        var scores: [Duration: BacktestScore] = [:]
        var best: (place: Int, score: Double)?, worst: (place: Int, score: Double)?
        var (total, judged) = (0.0, 0)
        for (place, forecast) in replayed.forecasts.enumerated() {
            var (sum, count) = (0.0, 0)
            for (lead, leadTime) in forecast.leadTimes.enumerated() {
                let target = forecast.origin + leadTime
                let actual = truth.humidity(bin: truth.bin(of: target))
                guard actual == actual else { continue }
                // Over a gap the last value before it.
                let usual = truth.lastHumidity(notAfter: truth.bin(of: target - BacktestReport.wholeDays(leadTime)))
                scores[leadTime, default: BacktestScore()].add(forecast, lead: lead, seasonalNaive: usual, actual: actual)
                sum += BacktestScore.weightedInterval(forecast, lead: lead, actual: actual)
                count += 1
            }
            guard 10 * count >= 9 * forecast.leadTimes.count else { continue }  // too little came to say how it went
            let mean = sum / Double(count)
            total += mean
            judged += 1
            if best.map({ mean < $0.score }) ?? true { best = (place, mean) }
            if worst.map({ mean > $0.score }) ?? true { worst = (place, mean) }
        }
        func found(_ at: (place: Int, score: Double)?) -> Case? {
            at.map { at in
                let forecast = replayed.forecasts[at.place]
                let shown = (forecast.origin - BacktestReport.before)...(forecast.origin + ForecastShape.horizon)
                return Case(
                    series: replayed.name, forecast: forecast, observed: replayed.observations.filter { shown.contains($0.validAt) },
                    weightedInterval: at.score)
            }
        }
        series.append(
            Series(
                name: replayed.name, origins: replayed.forecasts.count, scores: scores, best: found(best), worst: found(worst),
                meanWeightedInterval: judged > 0 ? total / Double(judged) : 0))
    }

    private static func wholeDays(_ leadTime: Duration) -> Duration { .seconds((leadTime.wholeSeconds + 86_399) / 86_400 * 86_400) }

    /// Every lead time that some series was scored at.
    package var scoredLeadTimes: [Duration] { Set(series.flatMap(\.scores.keys)).sorted() }

    /// Over the series, each with the same weight; `nil` where none has it. Likewise below.
    package func mean(at leadTime: Duration, _ value: (BacktestScore) -> Double?) -> Double? {
        let values = series.compactMap { $0.scores[leadTime].flatMap(value) }
        return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }

    package func geometricMean(at leadTime: Duration, _ value: (BacktestScore) -> Double?) -> Double? {
        BacktestReport.geometricMean(series.compactMap { $0.scores[leadTime].flatMap(value) })
    }

    package static func geometricMean(_ values: [Double]) -> Double? {
        let positive = values.filter { $0 > 0 }
        guard !positive.isEmpty else { return nil }
        return exp(positive.reduce(0) { $0 + log($1) } / Double(positive.count))
    }

    /// The cases of most and least of their series' usual score: how it goes where it goes well, and where it does not.
    package func cases(_ count: Int) -> (good: [Case], bad: [Case]) {
        func ordered(_ cases: [(Case, Double)]) -> [Case] { cases.sorted { $0.1 < $1.1 }.map(\.0) }
        let judged = series.filter { $0.meanWeightedInterval > 0 }
        let good = ordered(judged.compactMap { series in series.best.map { ($0, $0.weightedInterval / series.meanWeightedInterval) } })
        let bad = ordered(judged.compactMap { series in series.worst.map { ($0, -$0.weightedInterval / series.meanWeightedInterval) } })
        return (Array(good.prefix(count)), Array(bad.prefix(count)))
    }
}
