/// When a sensor is asked next. A value: the caller passes the time.
///
/// Small delays do not accumulate: due times keep their phase. After a delay of half a period or more (a suspended host, a stopped program)
/// the phase restarts and missed readings are skipped, so that no sensor is asked twice within a period.
struct SamplingSchedule: Sendable {
    private let period: Duration
    private var due: ContinuousClock.Instant

    init(period: Duration, now: ContinuousClock.Instant) {
        self.period = period
        due = now
    }

    /// - Parameters:
    ///   - readStartedAt: when the sensor was last asked.
    ///   - now: when the sensor answered.
    ///   - retryPause: after a failure, the pause before the next try.
    mutating func next(readStartedAt: ContinuousClock.Instant, now: ContinuousClock.Instant, retryPause: Duration?) -> ContinuousClock.Instant {
        let isLate = readStartedAt - due >= period / 2
        let next = (isLate ? readStartedAt : due) + (retryPause ?? period)
        // If the answer took longer than the period, ask again at once and skip the missed times.
        due = max(next, now)
        return due
    }
}
