package import Forecasting
package import Measures
internal import Observing

/// The losses of a candidate and of the champion for one target.
package struct PairedLoss: Sendable, Hashable {
    /// 5 days since 1970 that contain the origin. Errors within a block are correlated, because the weather lasts for days and a forecast reaches
    /// 5 days ahead.
    package let block: Int32
    package let lead: UInt8  // index into `PairedLosses.leadTimes`
    package let strata: Strata
    package let candidate: Losses
    package let champion: Losses
    package let persistenceError: Float  // in %RH

    /// In %RH.
    package struct Losses: Sendable, Hashable {
        package let pinball: Float  // mean over the levels
        package let absoluteError: Float  // of the median
        package let isCovered: Bool  // the target is within the 80 % interval

        package init(pinball: Float, absoluteError: Float, isCovered: Bool) {
            (self.pinball, self.absoluteError, self.isCovered) = (pinball, absoluteError, isCovered)
        }

        init(_ loss: ForecastLoss) {
            self.init(pinball: Float(loss.pinball), absoluteError: Float(loss.absoluteError), isCovered: loss.isCovered)
        }
    }

    package static let blockMs: Int64 = 5 * 86_400_000

    package init(origin: Instant, lead: Int, strata: Strata, candidate: Losses, champion: Losses, persistenceError: Float) {
        // Division rounds towards zero; instants before 1970 are never in an archive.
        block = Int32(clamping: origin.ms / PairedLoss.blockMs)
        (self.lead, self.strata, self.persistenceError) = (UInt8(lead), strata, persistenceError)
        (self.candidate, self.champion) = (candidate, champion)
    }
}

/// The losses of a candidate and of the champion on the same rolling origins, one per hour. Both forecasters adapt to the series as on a device.
package struct PairedLosses: Sendable {
    package static let leadTimes = ForecastShape.scored
    package private(set) var losses: [PairedLoss] = []

    package init(_ losses: [PairedLoss] = []) { self.losses = losses }

    package mutating func append(_ other: PairedLosses) { losses += other.losses }

    /// The mean absolute errors of the median at a lead time, in %RH; `nil` without targets.
    package func meanErrors(lead: Int) -> (candidate: Double, champion: Double, persistence: Double)? {
        var (sum, count) = (SIMD4<Double>(), 0.0)
        for loss in losses where Int(loss.lead) == lead {
            sum += SIMD4(Double(loss.candidate.absoluteError), Double(loss.champion.absoluteError), Double(loss.persistenceError), 0)
            count += 1
        }
        guard count > 0 else { return nil }
        return (sum[0] / count, sum[1] / count, sum[2] / count)
    }

    /// Replays one series: the memory of the forecasters before the evaluation window, and the window. The cost does not grow with the length of
    /// the series before that.
    /// - Parameter champion: `nil`: the damped anomaly, which devices without a release use.
    /// - Throws: `CancellationError` if the task is cancelled.
    package init(replaying series: GriddedSeries, candidate: Network, champion: Network?) throws {
        let window = EvaluationWindow(of: series)
        let remembered = window.startAt - AdaptiveForecaster.memory
        let first = series.observations.firstIndex { $0.validAt > remembered } ?? 0
        let strata = SeriesStrata(series.observations[first...])
        let stride = max(1, Int(3_600_000 / series.grid.step.ms))
        let horizonBins = Int(ForecastShape.horizon.ms / series.grid.step.ms)
        var new = AdaptiveForecaster(grid: series.grid, network: candidate)
        var old = AdaptiveForecaster(grid: series.grid, network: champion)
        for (number, observation) in series.observations[first...].enumerated() {
            if number % 1_024 == 0 { try Task.checkCancellation() }
            new.observe(observation)
            old.observe(observation)
            let bin = series.bin(of: observation.validAt)
            guard bin + horizonBins >= window.bins.lowerBound, bin % stride == 0, let new = new.forecast(), let old = old.forecast() else {
                continue
            }
            for (lead, leadTime) in PairedLosses.leadTimes.enumerated() {
                let target = bin + Int(leadTime.ms / series.grid.step.ms)
                let actual = series.humidity(bin: target)
                guard window.bins.contains(target), actual == actual, let newLead = new.leadTimes.firstIndex(of: leadTime),
                    let oldLead = old.leadTimes.firstIndex(of: leadTime)
                else { continue }
                let newLoss = ForecastLoss(of: new, lead: newLead, actual: actual)
                losses.append(
                    PairedLoss(
                        origin: new.origin, lead: lead, strata: strata.strata(ofTarget: new.origin + leadTime, humidity: actual),
                        candidate: PairedLoss.Losses(newLoss),
                        champion: PairedLoss.Losses(ForecastLoss(of: old, lead: oldLead, actual: actual)),
                        persistenceError: Float(newLoss.persistenceError)))
            }
        }
    }
}
