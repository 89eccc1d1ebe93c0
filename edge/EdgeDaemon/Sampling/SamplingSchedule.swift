/// When a sensor is read next. A value type: the caller passes the time.
///
/// Small delays do not accumulate: due times keep their phase. After a delay of half a period or more (a suspended host, a stopped program)
/// the phase restarts and missed readings are skipped, so that no sensor is read twice within a period.
struct SamplingSchedule: Sendable {
    private let period: Duration
    private var due: ContinuousClock.Instant

    init(period: Duration, now: ContinuousClock.Instant) {
        self.period = period
        due = now
    }

    /// - Parameters:
    ///   - readStartedAt: when the last read started.
    ///   - now: when the last read ended.
    ///   - retryPause: after a failure, the pause before the next try.
    mutating func next(readStartedAt: ContinuousClock.Instant, now: ContinuousClock.Instant, retryPause: Duration?) -> ContinuousClock.Instant {
        let isLate = readStartedAt - due >= period / 2
        let next = (isLate ? readStartedAt : due) + (retryPause ?? period)
        // If the read took longer than the period, read again at once and skip the missed times.
        due = max(next, now)
        return due
    }
}
