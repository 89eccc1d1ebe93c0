/// Shrinks small departures to "no change" (persistence), learnt on the device for one lead time.
///
/// A departure smaller than a threshold becomes 0; the threshold is subtracted from a larger one. The gate uses the candidate threshold with the
/// smallest recent error: none, a share of the usual change over the lead time, or infinite (always persistence).
package struct NoChangeGate: Sendable {
    private static let shares: [Float] = [0, 0.05, 0.1, 0.2, 0.4]  // one more candidate follows: persistence
    private static let priorPenalties: [Float] = [0, 0.7, 0.7, 0.7, 1.6, 2.3]  // −log of the prior weight of each candidate
    private static let independentRowWeight: Float = 1  // the weight of one independent row

    private let decay: Float
    private let rowWeight: Float
    private var errors: [Float]
    private var count: Float = 0
    private var bestCandidate = 0

    /// - Parameters:
    ///   - rowsPerDay: calls of `learn` per day.
    ///   - overlap: consecutive rows whose forecast spans overlap; together these count as one independent row.
    package init(rowsPerDay: Int, overlap: Int) {
        decay = 1 - 0.023 / Float(rowsPerDay)  // half-life of 30 days
        rowWeight = NoChangeGate.independentRowWeight / Float(overlap)
        errors = Array(repeating: 0, count: NoChangeGate.priorPenalties.count)
    }

    /// The usual change over the lead time, in deviations: the mean absolute error of persistence.
    package var usualChange: Float { count > 0 ? errors[errors.count - 1] / count : 0 }

    package func departure(_ raw: Float, usualChange: Float) -> Float { NoChangeGate.departure(raw, usualChange, bestCandidate) }

    private static func departure(_ raw: Float, _ usualChange: Float, _ candidate: Int) -> Float {
        guard candidate < shares.count else { return 0 }
        let threshold = shares[candidate] * usualChange
        return raw > threshold ? raw - threshold : raw < -threshold ? raw + threshold : 0
    }

    /// - Parameters:
    ///   - raw: the departure before the gate.
    ///   - usualChange: the gate's `usualChange` when the forecast was issued.
    package mutating func learn(_ raw: Float, usualChange: Float, actual: Float) {
        for candidate in errors.indices {
            errors[candidate] = errors[candidate] * decay + (actual - NoChangeGate.departure(raw, usualChange, candidate)).magnitude
        }
        count = count * decay + 1
        let least = max(1e-6, errors.min() ?? 0)
        var best = Float.infinity
        for candidate in errors.indices {
            let loss = NoChangeGate.priorPenalties[candidate] + rowWeight * count * (errors[candidate] / least - 1)
            if loss < best { (best, bestCandidate) = (loss, candidate) }
        }
    }
}
