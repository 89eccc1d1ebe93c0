package import Measures
internal import Synchronization

/// A token bucket for each device or address: allows a burst of requests, then a steady rate.
package struct TokenBuckets: Sendable {
    private let perSecond: Double
    private let burst: Double
    private var buckets: [Int64: (balance: Double, at: Instant)] = [:]
    private var sweepAt = 1_000  // full buckets are removed when the number of buckets reaches this limit

    package init(perSecond: Double, burst: Double) {
        self.perSecond = perSecond
        self.burst = burst
    }

    package var remembered: Int { buckets.count }

    private func balance(_ key: Int64, at now: Instant) -> Double {
        guard let (balance, at) = buckets[key] else { return burst }
        return min(burst, balance + max(0, Double((now - at).ms)) / 1_000 * perSecond)
    }

    /// - Returns: whether the request may be taken.
    package mutating func take(_ key: Int64, at now: Instant) -> Bool {
        let isFree = balance(key, at: now) > 1 - 1e-9  // tolerance for rounding errors in sums of fractions
        charge(key, isFree ? 1 : 0, at: now)
        return isFree
    }

    /// Charges a cost that is known only after the work; the balance may become negative.
    package mutating func charge(_ key: Int64, _ cost: Double, at now: Instant) {
        if buckets.count >= sweepAt {
            buckets = buckets.filter { balance($0.key, at: now) < burst }
            sweepAt = max(1_000, 2 * buckets.count)  // doubled, so that the average cost of removal per request is constant
        }
        buckets[key] = (balance(key, at: now) - cost, now)
    }

    /// Time until the next request is allowed.
    package func wait(_ key: Int64, at now: Instant) -> Duration { timeUntil(1, key, now) }

    /// How long a client should pause so that none of its requests is refused: until half of the burst is available again.
    package func pause(_ key: Int64, at now: Instant) -> Duration { timeUntil(burst / 2, key, now) }

    private func timeUntil(_ wanted: Double, _ key: Int64, _ now: Instant) -> Duration {
        .milliseconds(Int64((max(0, wanted - balance(key, at: now)) / perSecond * 1_000).rounded(.up)))
    }
}

/// A thread-safe rate limit for each key, with the error text for a client over the limit.
final class RateLimit: Sendable {
    struct Exceeded: Error {
        let detail: String
        let retryAfter: Duration
        let policy: String

        /// The limit for programs, besides `Retry-After` (draft-ietf-httpapi-ratelimit-headers-10).
        var headers: [(name: String, value: String)] {
            [("RateLimit-Policy", policy), ("RateLimit", "\(policy.prefix { $0 != ";" });r=0;t=\(max(1, (retryAfter.ms + 999) / 1_000))")]
        }
    }

    private let rate: Mutex<TokenBuckets>
    private let detail: String
    private let policy: String

    /// - Parameters:
    ///   - name: of the limit, in headers.
    ///   - detail: the error text for a client over the limit.
    init(_ name: String, perSecond: Double, burst: Double, detail: String) {
        rate = Mutex(TokenBuckets(perSecond: perSecond, burst: burst))
        self.detail = detail
        policy = "\"\(name)\";q=\(Int(burst));w=\(Int((burst / perSecond).rounded(.up)))"
    }

    func take(_ key: Int64, at now: Instant) throws(Exceeded) {
        let wait = rate.withLock { $0.take(key, at: now) ? nil : $0.wait(key, at: now) }
        if let wait { throw Exceeded(detail: detail, retryAfter: wait, policy: policy) }
    }

    /// Throws if earlier charges have used up the allowance.
    func check(_ key: Int64, at now: Instant) throws(Exceeded) {
        let wait = rate.withLock { $0.wait(key, at: now) }
        if wait > .zero { throw Exceeded(detail: detail, retryAfter: wait, policy: policy) }
    }

    func charge(_ key: Int64, _ cost: Double, at now: Instant) { rate.withLock { $0.charge(key, cost, at: now) } }

    func pause(_ key: Int64, at now: Instant) -> Duration { rate.withLock { $0.pause(key, at: now) } }
}
