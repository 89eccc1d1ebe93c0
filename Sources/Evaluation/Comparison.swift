package import Forecasting
internal import Measures
internal import Observing

/// Compares a candidate with the champion on the same origins: the last part of every series, from which neither has learnt.
package struct Comparison: Sendable {
    package let leadTimes: [Duration]
    package private(set) var candidate: [Score]
    package private(set) var champion: [Score]

    package init() {
        leadTimes = ForecastShape.scored
        candidate = Array(repeating: Score(), count: leadTimes.count)
        champion = candidate
    }

    /// The bins of the last 15 % of a series' observations: neither network has learnt from these.
    package static func evaluationBins(of series: GriddedSeries) -> Range<Int> { trainingBins(of: series).upperBound..<series.bins }
    /// The bins that a candidate may learn from: the first 85 % of the observations, not of the time span.
    package static func trainingBins(of series: GriddedSeries) -> Range<Int> {
        let first = series.observations[min(series.observations.count - 1, series.observations.count * 85 / 100)]
        return 0..<series.bin(of: first.validAt)
    }

    /// Adds the scores of one series. Both forecasters adapt to the series as on a device.
    /// - Parameter champion: `nil`: the damped anomaly, which devices without a release use.
    package mutating func add(_ series: GriddedSeries, candidate: Network, champion: Network?) {
        let evaluationBins = Comparison.evaluationBins(of: series)
        let stride = max(1, Int(3_600_000 / series.grid.step.ms))  // one origin per hour
        let horizonBins = Int(ForecastShape.horizon.ms / series.grid.step.ms)
        var new = AdaptiveForecaster(grid: series.grid, network: candidate)
        var old = AdaptiveForecaster(grid: series.grid, network: champion)
        for observation in series.observations {
            new.observe(observation)
            old.observe(observation)
            let bin = series.bin(of: observation.validAt)
            guard bin + horizonBins >= evaluationBins.lowerBound, bin % stride == 0, let new = new.forecast(), let old = old.forecast() else {
                continue
            }
            for (index, leadTime) in leadTimes.enumerated() {
                let target = bin + Int(leadTime.ms / series.grid.step.ms)
                let actual = series.humidity(bin: target)
                guard evaluationBins.contains(target), actual == actual, let newLead = new.leadTimes.firstIndex(of: leadTime),
                    let oldLead = old.leadTimes.firstIndex(of: leadTime)
                else { continue }
                self.candidate[index].add(ForecastLoss(of: new, lead: newLead, actual: actual))
                self.champion[index].add(ForecastLoss(of: old, lead: oldLead, actual: actual))
            }
        }
    }

    package enum Verdict: String, Sendable { case pass, fail, inconclusive }

    /// From the geometric mean over the lead times of pinball loss, candidate / champion: pass below 0.995, fail above 1.005, else inconclusive.
    package var verdict: Verdict {
        guard let ratio else { return .inconclusive }
        return ratio < 0.995 ? .pass : ratio > 1.005 ? .fail : .inconclusive
    }

    /// The geometric mean over the lead times of pinball loss, candidate / champion; `nil` without targets.
    package var ratio: Double? {
        var product = 1.0
        var count = 0
        for (new, old) in zip(candidate, champion) {
            guard let new = new.meanPinball, let old = old.meanPinball, old > 0 else { continue }
            product *= new / old
            count += 1
        }
        guard count > 0 else { return nil }
        // The n-th root by Newton's method, starting from 1: for a ratio near 1 a few steps are enough.
        var root = 1.0
        for _ in 0..<60 {
            var power = 1.0
            for _ in 1..<max(1, count) { power *= root }
            root -= (power * root - product) / (Double(count) * power)
        }
        return root
    }
}
