internal import Measures

/// Whether a rule's alarm is on for one sensor. A value: instants come in with the values.
struct RuleState: Sendable, Equatable {
    enum Change: Sendable, Equatable {
        case raised(since: Instant)
        case ended(since: Instant)
    }

    private(set) var raisedSince: Instant?
    private var beyondSince: Instant?
    private var seenAt: Instant?
    private var spacing: Duration = .zero  // of the last two values

    init(raisedSince: Instant? = nil) { self.raisedSince = raisedSince }

    /// A hold that nobody watched does not count: after a gap it begins anew. A gap is longer than 15 minutes, than a quarter of the
    /// hold, and than three times the time between the values before it.
    private func longestGap(_ hold: Duration) -> Duration { max(.seconds(900), hold / 4, spacing * 3) }

    mutating func see(_ excess: Double, of rule: Rule, at instant: Instant) -> Change? {
        if let seenAt, instant <= seenAt { return nil }
        if let seenAt {
            if instant - seenAt > longestGap(rule.hold) { beyondSince = nil }
            spacing = instant - seenAt
        }
        seenAt = instant
        if let since = raisedSince {
            guard excess < -rule.hysteresis || (rule.hysteresis == 0 && excess <= 0) else { return nil }
            (raisedSince, beyondSince) = (nil, nil)
            return .ended(since: since)
        }
        guard excess > 0 else {
            beyondSince = nil
            return nil
        }
        let since = beyondSince ?? instant
        beyondSince = since
        guard instant - since >= rule.hold else { return nil }
        raisedSince = since
        return .raised(since: since)
    }
}
