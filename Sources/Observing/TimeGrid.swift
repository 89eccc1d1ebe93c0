package import Measures

/// The time grid of one sensor: bins (t − step, t], labelled t; t is a multiple of the step since 1970.
package struct TimeGrid: Sendable, Hashable {
    package let step: Duration
    private let stepMs: Int64  // a `Duration` divides 128 bits each time it is asked

    package static let fine = TimeGrid(step: .seconds(600))
    package static let hourly = TimeGrid(step: .seconds(3600))

    package init(step: Duration) {
        self.step = step
        stepMs = step.ms
    }

    /// 600 s where the median spacing is at most 600 s, else 3600 s.
    package init(medianSpacing: Duration) { self = medianSpacing <= .seconds(600) ? .fine : .hourly }

    /// The grid of a series by the spacing of its own readings; fewer than two tell nothing: the fine one.
    package init(takenAt: some Collection<Instant>) {
        let sorted = takenAt.sorted()
        let spacings = zip(sorted.dropFirst(), sorted).map { $0 - $1 }.filter { $0 > .zero }.sorted()
        self.init(medianSpacing: spacings.isEmpty ? .zero : spacings[spacings.count / 2])
    }

    /// The end of the bin an instant falls into.
    package func label(of instant: Instant) -> Instant {
        let rest = instant.ms % stepMs
        return Instant(ms: rest == 0 ? instant.ms : instant.ms - rest + (rest > 0 ? stepMs : 0))
    }

    /// For how many empty bins the last value is held: 60 minutes in all, of which the first bin is its own.
    package var heldBins: Int { step < .seconds(3600) ? Int(3_600_000 / step.ms) - 1 : 0 }
}
