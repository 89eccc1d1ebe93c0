internal import Measures

/// Rows that have keys but are not committed yet, and the rows derived from them.
///
/// While the disk accepts no rows, readings beyond `limit` are discarded, oldest first, and holes count them.
struct PendingRows: Sendable {
    struct Row: Sendable {
        var key: Int64
        let row: NewRow
    }

    /// A run of readings with consecutive sequences that were discarded before their commit.
    struct Discarded: Sendable, Equatable {
        var keys: ClosedRange<Int64>?  // nil: the keys were assigned in an earlier life and are no longer valid
        var count: Int64
        var from: Instant
        var to: Instant
    }

    private(set) var rows: [Row] = []
    private(set) var derived: [DerivedRow] = []
    private(set) var discarded: [Discarded] = []
    private(set) var readingCount = 0
    private var epoch: Epoch?  // the epoch of the keys
    private var sensorsWithRecord: Set<SensorName> = []  // sensors whose record is among the rows
    private let limit: Int
    private static let limit = 20_000
    /// Beyond this limit the oldest derived rows lose their forecast and keep their observation: a forecast takes 4 KB of memory.
    private static let forecastLimit = 1_000

    /// - Parameter limit: the most readings, and the most derived rows.
    init(limit: Int = PendingRows.limit) { self.limit = limit }

    var isEmpty: Bool { rows.isEmpty && derived.isEmpty && discarded.isEmpty }

    /// The range of the assigned keys, including the keys of discarded rows, and the epoch of the keys; `nil` without rows.
    var assignedKeys: (epoch: Epoch, keys: ClosedRange<Int64>)? {
        guard let epoch, let last = rows.last?.key else { return nil }
        return (epoch, (discarded.first?.keys?.lowerBound ?? rows[0].key)...last)
    }

    var records: [Record] { rows.compactMap { if case .record(let record) = $0.row { record } else { nil } } }

    func hasRecord(of sensor: SensorName) -> Bool { sensorsWithRecord.contains(sensor) }

    mutating func add(_ row: NewRow, key: Int64, _ epoch: Epoch) {
        rows.append(Row(key: key, row: row))
        self.epoch = epoch
        if case .reading = row { readingCount += 1 }
        if case .record(.sensor(let record)) = row { sensorsWithRecord.insert(record.sensor) }
    }

    mutating func add(_ row: DerivedRow) {
        derived.append(row)
        if derived.count > Self.forecastLimit { derived[derived.count - Self.forecastLimit - 1].forecast = nil }
        if derived.count > limit { derived.removeFirst(limit / 10) }  // a tenth at a time: a removal moves all later elements
    }

    /// The sensors of the pending readings and derived rows.
    var sensors: Set<SensorName> {
        var sensors = Set(derived.map(\.sensor))
        for case .reading(let sensorReading) in rows.lazy.map(\.row) { sensors.insert(sensorReading.sensor) }
        return sensors
    }

    mutating func discardDerived() { derived = [] }
    mutating func discardDerived(of sensor: SensorName) { derived.removeAll { $0.sensor == sensor } }

    /// A sensor's readings after a key, oldest first.
    func readings(of sensor: SensorName, after key: Int64) -> [(key: Int64, reading: Reading)] {
        rows.compactMap { row in
            guard row.key > key, case .reading(let sensorReading) = row.row, sensorReading.sensor == sensor else { return nil }
            return (row.key, sensorReading.reading)
        }
    }

    /// Gives all rows new keys, in order: the old keys belong to a life that has ended.
    mutating func renumber(_ epoch: Epoch, _ nextKey: () -> Int64) {
        self.epoch = epoch
        var new: [Int64: Int64] = [:]
        for index in rows.indices {
            let key = nextKey()
            new[rows[index].key] = key
            rows[index].key = key
        }
        for index in derived.indices { derived[index].through = new[derived[index].through] ?? derived[index].through }
        for index in discarded.indices { discarded[index].keys = nil }
    }

    /// If more than `limit` readings are pending, discards the surplus plus a tenth of `limit`, oldest first. Records stay.
    /// - Returns: the number of discarded readings.
    mutating func discardBeyondLimit() -> Int {
        guard readingCount > limit else { return 0 }
        let surplus = readingCount - limit + limit / 10
        var dropped = 0
        var kept: [Row] = []
        for row in rows {
            guard dropped < surplus, case .reading(let sensorReading) = row.row else {
                kept.append(row)
                continue
            }
            addDiscarded(sensorReading.reading.takenAt, key: row.key)
            dropped += 1
        }
        rows = kept
        readingCount -= dropped
        return dropped
    }

    private mutating func addDiscarded(_ takenAt: Instant, key: Int64) {
        guard let last = discarded.indices.last, let keys = discarded[last].keys, keys.upperBound + 1 == key else {
            return discarded.append(Discarded(keys: key...key, count: 1, from: takenAt, to: takenAt))
        }
        discarded[last].keys = keys.lowerBound...key
        discarded[last].count += 1
        discarded[last].from = min(discarded[last].from, takenAt)
        discarded[last].to = max(discarded[last].to, takenAt)
    }
}
