internal import Measures

/// A time without readings of one sensor: one hole, from the last reading before it to the first after it.
struct Outage: Sendable {
    var lastAt: Instant?  // of the last reading
    private(set) var count = 0  // failed tries
    private(set) var since: Instant?

    init() {}

    /// An outage that was not over when the program stopped; it began at the newest stored reading.
    init(goingOnSince newest: Instant?) {
        guard let newest else { return }
        (since, lastAt, count) = (newest, newest, 1)
    }

    /// - Returns: whether it begins.
    mutating func failed(at now: Instant) -> Bool {
        since = since ?? lastAt ?? now
        count += 1
        return count == 1
    }

    /// - Returns: the hole, if there was one.
    mutating func end(_ sensor: SensorName, at end: Instant) -> Hole? {
        guard let since else { return nil }
        defer { (self.since, count) = (nil, 0) }
        return Hole(sensor: sensor, reason: .sensorError, from: min(since, end), to: max(since, end), count: Int64(count))
    }
}
