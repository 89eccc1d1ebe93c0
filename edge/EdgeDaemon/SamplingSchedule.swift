/// When a sensor is asked next. A value: the instants come in.
///
/// Small delays do not add up: due times keep their phase. After a delay of half a period or more (a suspended host, a stopped program)
/// the phase begins anew, and what was missed is not made up for, so that no sensor is asked twice within a period.
struct SamplingSchedule: Sendable {
    private let period: Duration
    private var due: ContinuousClock.Instant

    init(period: Duration, now: ContinuousClock.Instant) {
        self.period = period
        due = now
    }

    /// - Parameters:
    ///   - askedAt: when the sensor was asked now.
    ///   - now: when it has answered.
    ///   - failedPause: how long a sensor that has failed is left alone.
    mutating func next(askedAt: ContinuousClock.Instant, now: ContinuousClock.Instant, failedPause: Duration?) -> ContinuousClock.Instant {
        let isLate = askedAt - due >= period / 2
        let next = (isLate ? askedAt : due) + (failedPause ?? period)
        // An answer that took longer than the period: at once, and no beats in between are made up for.
        due = max(next, now)
        return due
    }
}
