package import Measures
internal import Synchronization

/// How often one may ask: so many requests at once, then a steady rate. Who has gone wild harms only himself.
package struct RequestRate: Sendable {
    private let perSecond: Double
    private let burst: Double
    private var buckets: [Int64: (left: Double, at: Instant)] = [:]

    package init(perSecond: Double, burst: Double) {
        self.perSecond = perSecond
        self.burst = burst
    }

    private func left(_ who: Int64, at now: Instant) -> Double {
        guard let (left, at) = buckets[who] else { return burst }
        return min(burst, left + max(0, Double((now - at).ms)) / 1_000 * perSecond)
    }

    /// - Returns: whether the request may be taken.
    package mutating func take(_ who: Int64, at now: Instant) -> Bool {
        if buckets.count > 10_000 { buckets = buckets.filter { left($0.key, at: now) < burst } }
        let free = left(who, at: now)
        buckets[who] = (free >= 1 ? free - 1 : free, now)
        return free >= 1
    }

    /// What to ask of him so that none of his requests is refused: to wait until half of what he may ask at once is free again.
    package func pause(_ who: Int64, at now: Instant) -> Duration {
        .milliseconds(Int64((max(0, burst / 2 - left(who, at: now)) / perSecond * 1_000).rounded(.up)))
    }
}

/// A rate that many requests share.
final class RateLimit: Sendable {
    struct Exceeded: Error {
        let detail: String
    }

    private let rate: Mutex<RequestRate>
    private let detail: String

    /// - Parameter detail: what to tell who asks too often.
    init(perSecond: Double, burst: Double, detail: String) {
        rate = Mutex(RequestRate(perSecond: perSecond, burst: burst))
        self.detail = detail
    }

    func take(_ who: Int64, at now: Instant) throws(Exceeded) {
        guard rate.withLock({ $0.take(who, at: now) }) else { throw Exceeded(detail: detail) }
    }

    func pause(_ who: Int64, at now: Instant) -> Duration { rate.withLock { $0.pause(who, at: now) } }
}
