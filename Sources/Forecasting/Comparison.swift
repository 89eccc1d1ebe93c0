internal import Measures
internal import Observing

/// Candidate against champion on the same origins: the last part of every series, which neither table was filled from.
package struct Comparison: Sendable {
    package let leadTimes: [Duration]
    package private(set) var candidate: [Score]
    package private(set) var champion: [Score]

    package init() {
        leadTimes = ForecastShape.scored
        candidate = Array(repeating: Score(), count: leadTimes.count)
        champion = candidate
    }

    /// The last 15 % of a series: what neither has learnt from.
    package static func bins(of series: GriddedSeries) -> Range<Int> { learntBins(of: series).upperBound..<series.bins }
    /// What a candidate may learn from. The share is one of the observations, not of the time they span.
    package static func learntBins(of series: GriddedSeries) -> Range<Int> {
        let first = series.observations[min(series.observations.count - 1, series.observations.count * 85 / 100)]
        return 0..<series.bin(of: first.validAt)
    }

    /// Both with what a device would have learnt on the way.
    /// - Parameter champion: `nil` for the damped anomaly of devices without a release.
    package mutating func add(_ series: GriddedSeries, candidate: Network, champion: Network?) {
        let bins = Comparison.bins(of: series)
        let stride = max(1, Int(3_600_000 / series.grid.step.ms))  // an origin an hour
        let reach = Int(ForecastShape.horizon.ms / series.grid.step.ms)
        var new = AdaptiveForecaster(grid: series.grid, network: candidate)
        var old = AdaptiveForecaster(grid: series.grid, network: champion)
        for observation in series.observations {
            new.observe(observation)
            old.observe(observation)
            let bin = series.bin(of: observation.validAt)
            guard bin + reach >= bins.lowerBound, bin % stride == 0, let new = new.forecast(), let old = old.forecast() else { continue }
            for (index, leadTime) in leadTimes.enumerated() {
                let target = bin + Int(leadTime.ms / series.grid.step.ms)
                let actual = series.humidity(bin: target)
                guard bins.contains(target), actual == actual, let newLead = new.leadTimes.firstIndex(of: leadTime),
                    let oldLead = old.leadTimes.firstIndex(of: leadTime)
                else { continue }
                self.candidate[index].add(new, lead: newLead, actual: actual)
                self.champion[index].add(old, lead: oldLead, actual: actual)
            }
        }
    }

    package enum Verdict: String, Sendable { case pass, fail, inconclusive }

    /// Mean over the lead times of log pinball loss, candidate against champion: below −0.5 % passes, above fails at +0.5 %.
    package var verdict: Verdict {
        guard let ratio else { return .inconclusive }
        return ratio < 0.995 ? .pass : ratio > 1.005 ? .fail : .inconclusive
    }

    /// The geometric mean over the lead times of the pinball loss, candidate over champion; `nil` without targets.
    package var ratio: Double? {
        var product = 1.0
        var count = 0
        for (new, old) in zip(candidate, champion) {
            guard let new = new.meanPinball, let old = old.meanPinball, old > 0 else { continue }
            product *= new / old
            count += 1
        }
        guard count > 0 else { return nil }
        // The n-th root by Newton's method, from 1: a ratio near 1 is there in a few steps.
        var root = 1.0
        for _ in 0..<60 {
            var power = 1.0
            for _ in 1..<max(1, count) { power *= root }
            root -= (power * root - product) / (Double(count) * power)
        }
        return root
    }
}
