internal import Measures

/// A time without readings of one sensor. It becomes one hole, from the last reading before it to the first reading after it.
struct Outage: Sendable {
    var lastAt: Instant?  // time of the last reading
    private(set) var count = 0  // failed reads
    private(set) var since: Instant?

    init() {}

    /// An outage that continues from the last run. The outage began at the newest stored reading.
    init(continuingSince newest: Instant?) {
        guard let newest else { return }
        (since, lastAt, count) = (newest, newest, 1)
    }

    /// - Returns: whether the outage begins with this failure.
    mutating func failed(at now: Instant) -> Bool {
        since = since ?? lastAt ?? now
        count += 1
        return count == 1
    }

    /// - Returns: the hole; `nil` if there was no outage.
    mutating func end(_ sensor: SensorName, at end: Instant) -> Hole? {
        guard let since else { return nil }
        defer { (self.since, count) = (nil, 0) }
        return Hole(sensor: sensor, reason: .sensorError, from: min(since, end), to: max(since, end), count: Int64(count))
    }
}
