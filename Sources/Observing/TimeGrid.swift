package import Measures

/// The time grid of one sensor: bins (t − step, t], labelled t; t is a multiple of the step since 1970.
package struct TimeGrid: Sendable, Hashable {
    package let step: Duration
    private let stepMs: Int64  // stored because `Duration` needs a 128-bit division for each conversion

    package static let fine = TimeGrid(step: .seconds(600))
    package static let hourly = TimeGrid(step: .seconds(3600))

    package init(step: Duration) {
        self.step = step
        stepMs = step.ms
    }

    /// A step of 600 s if the median spacing is at most 600 s, else 3600 s.
    package init(medianSpacing: Duration) { self = medianSpacing <= .seconds(600) ? .fine : .hourly }

    /// The grid for the median spacing of these readings; the fine grid if there are fewer than two.
    package init(takenAt: some Collection<Instant>) {
        let sorted = takenAt.sorted()
        let spacings = zip(sorted.dropFirst(), sorted).map { $0 - $1 }.filter { $0 > .zero }.sorted()
        self.init(medianSpacing: spacings.isEmpty ? .zero : spacings[spacings.count / 2])
    }

    /// The end of the bin that contains an instant.
    package func binEnd(of instant: Instant) -> Instant {
        let rest = instant.ms % stepMs
        return Instant(ms: rest == 0 ? instant.ms : instant.ms - rest + (rest > 0 ? stepMs : 0))
    }

    /// For how many empty bins the last value is repeated: 60 minutes in total, including the first bin, which contains the value itself.
    package var forwardFillBins: Int { step < .seconds(3600) ? Int(3_600_000 / step.ms) - 1 : 0 }
}
