package import Forecasting
internal import Measures
internal import Observing

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
        var candidateForecaster = AdaptiveForecaster(grid: series.grid, network: candidate)
        var championForecaster = AdaptiveForecaster(grid: series.grid, network: champion)
        for (number, observation) in series.observations[first...].enumerated() {
            if number % 1_024 == 0 { try Task.checkCancellation() }
            candidateForecaster.observe(observation)
            championForecaster.observe(observation)
            let bin = series.bin(of: observation.validAt)
            guard bin + horizonBins >= window.bins.lowerBound, bin % stride == 0, let ofCandidate = candidateForecaster.forecast(),
                let ofChampion = championForecaster.forecast()
            else {
                continue
            }
            for (lead, leadTime) in PairedLosses.leadTimes.enumerated() {
                let target = bin + Int(leadTime.ms / series.grid.step.ms)
                let actual = series.humidity(bin: target)
                guard window.bins.contains(target), actual == actual, let candidateLead = ofCandidate.leadTimes.firstIndex(of: leadTime),
                    let championLead = ofChampion.leadTimes.firstIndex(of: leadTime)
                else { continue }
                let candidateLoss = ForecastLoss(of: ofCandidate, lead: candidateLead, actual: actual)
                losses.append(
                    PairedLoss(
                        origin: ofCandidate.origin, lead: lead, strata: strata.strata(ofTarget: ofCandidate.origin + leadTime, humidity: actual),
                        candidate: PairedLoss.Losses(candidateLoss),
                        champion: PairedLoss.Losses(ForecastLoss(of: ofChampion, lead: championLead, actual: actual)),
                        persistenceError: Float(candidateLoss.persistenceError)))
            }
        }
    }
}
