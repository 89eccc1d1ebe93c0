package import Measures
internal import Observing
internal import Runtime
internal import SQLite
internal import Wire

extension ReadingStore {
    package struct Retention: Sendable, Equatable {
        package var readings: Duration = .seconds(90 * 86_400)
        package var observations: Duration = .seconds(400 * 86_400)
        package var byteLimit: Int64 = 64_000_000
        package init() {}
    }

    /// Drops what is past its time; above the byte limit the oldest goes first, delivered or not, and a hole says so.
    package func enforce(_ retention: Retention, now: Instant) throws {
        try guarded(writes: true) {
            try dropDelivered(before: now - retention.readings)
            try dropDerived(observationsBefore: now - retention.observations, thinBefore: now - .seconds(6 * 86_400))
            while try usedBytes() > retention.byteLimit {
                if try forecastsAreTooMany(retention.byteLimit) {
                    try dropOldestForecasts()
                } else {
                    guard try evictOldest() else { return }
                }
            }
        }
    }

    private func usedBytes() throws -> Int64 {
        let pages = (try database.integer("PRAGMA page_count") ?? 0) - (try database.integer("PRAGMA freelist_count") ?? 0)
        return pages * (try database.integer("PRAGMA page_size") ?? 4_096)
    }

    /// Deletes delivered readings of before `limit`, and the records among them.
    private func dropDelivered(before limit: Instant) throws {
        for life in lives {
            for range in life.held.ranges {
                let keys = RowKey.values(life: life.number, range)
                guard try holdsStale(keys, limit) else { continue }
                try commit(storesPending: false) {  // on a full disk this makes room for them
                    // What the cloud holds goes to the disk with the deletes, and the last sequence with it: neither may be older.
                    deliveryIsUnsaved = true
                    var records = try database.prepare(
                        "DELETE FROM record WHERE key BETWEEN ?1 AND ?2 AND key < (SELECT MAX(key) FROM reading WHERE key BETWEEN ?1 AND ?2 AND taken_at_ms < ?3)"
                    )
                    try bind(&records, keys, limit)
                    try records.run()
                    var readings = try database.prepare("DELETE FROM reading WHERE key BETWEEN ? AND ? AND taken_at_ms < ?")
                    try bind(&readings, keys, limit)
                    try readings.run()
                    readingCount -= Int64(database.changes)
                }
            }
        }
    }

    private func holdsStale(_ keys: ClosedRange<Int64>, _ limit: Instant) throws -> Bool {
        var look = try database.prepare("SELECT 1 FROM reading WHERE key BETWEEN ? AND ? AND taken_at_ms < ? LIMIT 1")
        try bind(&look, keys, limit)
        return try look.step()
    }

    private func bind(_ statement: inout Statement, _ keys: ClosedRange<Int64>, _ limit: Instant) throws {
        try statement.bind(keys.lowerBound, at: 1)
        try statement.bind(keys.upperBound, at: 2)
        try statement.bind(limit.ms, at: 3)
    }

    private func dropDerived(observationsBefore limit: Instant, thinBefore thin: Instant) throws {
        for sensor in sensors.values.sorted() {
            var observations = try database.prepare("DELETE FROM observation WHERE sensor = ? AND valid_at_ms < ?")
            try observations.bind(sensor, at: 1)
            try observations.bind(limit.ms, at: 2)
            try observations.run()
            try dropForecasts(ForecastKey.range(sensor: sensor, before: limit))
            try thinForecasts(of: sensor, before: thin)
        }
    }

    func dropForecasts(_ keys: Range<Int64>) throws {
        var delete = try database.prepare("DELETE FROM forecast WHERE key >= ? AND key < ?")
        try delete.bind(keys.lowerBound, at: 1)
        try delete.bind(keys.upperBound, at: 2)
        try delete.run()
    }

    /// Leaves the lead times that are kept for longer, of forecasts not looked at before.
    private func thinForecasts(of sensor: Int64, before: Instant) throws {
        let range = ForecastKey.range(sensor: sensor, before: before)
        while true {
            var select = try database.prepare("SELECT key, body FROM forecast WHERE key > ? AND key < ? ORDER BY key LIMIT 500")
            try select.bind(thinnedThrough[sensor] ?? range.lowerBound - 1, at: 1)
            try select.bind(range.upperBound, at: 2)
            var whole: [(key: Int64, body: [UInt8])] = []
            var highest: Int64?
            while try select.step() {
                highest = select.integer(0)
                let body = select.blob(1)
                if StoredForecast.isWhole(body) { whole.append((select.integer(0), body)) }
            }
            select.reset()
            guard let highest else { return }
            if !whole.isEmpty {
                try database.transaction {
                    var update = try database.prepare("UPDATE forecast SET body = ? WHERE key = ?")
                    for row in whole {
                        guard let forecast = try? StoredForecast.forecast(row.body, origin: ForecastKey.origin(row.key)) else {
                            try dropForecasts(row.key..<row.key + 1)
                            continue
                        }
                        try update.bind(StoredForecast.bytes(StoredForecast.thinned(forecast)), at: 1)
                        try update.bind(row.key, at: 2)
                        try update.run()
                    }
                }
            }
            thinnedThrough[sensor] = highest
        }
    }

    // MARK: above the byte limit

    /// Old forecasts are for looking back: readings must not make room for more than a quarter of the store of them.
    private func forecastsAreTooMany(_ byteLimit: Int64) throws -> Bool {
        (try database.integer("SELECT COALESCE(SUM(length(body) + 20), 0) FROM forecast") ?? 0) > byteLimit / 4
    }

    private func dropOldestForecasts() throws {
        for sensor in sensors.values.sorted() {
            var select = try database.prepare("SELECT MIN(key) FROM forecast WHERE key >= ? AND key < ?")
            try select.bind(sensor << 40, at: 1)
            try select.bind((sensor + 1) << 40, at: 2)
            guard try select.step(), let oldest = select.optionalInteger(0) else { continue }
            select.reset()
            try dropForecasts(oldest..<min(oldest + 86_400, (sensor + 1) << 40))  // a day of them
        }
    }

    /// - Returns: false when there is no reading left to evict.
    private func evictOldest() throws -> Bool {
        guard let (first, last) = try oldestNeighbours() else { return false }
        var (undelivered, evicted): ([ClosedRange<Int64>], Int64) = ([], 0)
        try commit {
            guard let index = lives.firstIndex(where: { $0.number == first.key.life }) else { return }
            undelivered = lives[index].held.union(lives[index].gone).missing(in: first.key.sequence...last.key.sequence)
            var delete = try database.prepare("DELETE FROM reading WHERE key BETWEEN ? AND ?")
            try delete.bind(first.key.value, at: 1)
            try delete.bind(last.key.value, at: 2)
            try delete.run()
            evicted = Int64(database.changes)
            for range in undelivered {
                lives[index].evicted += Int64(range.count)
                try insert(
                    .hole(
                        Hole(
                            sensor: nil, reason: .evictedBySize, from: min(first.at, last.at), to: max(first.at, last.at), count: Int64(range.count),
                            sequences: range, epoch: lives[index].epoch)))
                lives[index].gone.insert(range)
            }
            deliveryIsUnsaved = true
            try save(lives[index])
        }
        readingCount -= evicted
        if let count = undelivered.first.map({ _ in undelivered.reduce(0) { $0 + $1.count } }) {
            log(.warning, "readings evicted before delivery: the store is full", ["count": count])
        }
        return true
    }

    /// The oldest readings without a record between them, which stays and is still delivered.
    private func oldestNeighbours() throws -> (first: (key: RowKey, at: Instant), last: (key: RowKey, at: Instant))? {
        var select = try database.prepare("SELECT key, taken_at_ms FROM reading ORDER BY key LIMIT 5000")
        var first: (key: RowKey, at: Instant)?
        var last: (key: RowKey, at: Instant)?
        while try select.step() {
            let row = (key: RowKey(select.integer(0)), at: Instant(ms: select.integer(1)))
            if let last, row.key.value != last.key.value + 1 { break }
            first = first ?? row
            last = row
        }
        guard let first, let last else { return nil }
        return (first, last)
    }
}
