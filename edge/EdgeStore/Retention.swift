package import Measures
internal import Runtime
internal import SQLite
internal import Wire

/// How long rows are kept, and how large the store may become.
package struct Retention: Sendable, Equatable {
    package var readings: Duration = .seconds(90 * 86_400)  // delivered readings only
    package var observations: Duration = .seconds(400 * 86_400)
    package var byteLimit: Int64 = 64_000_000
    package init() {}
}

extension ReadingStore {
    private static let fullForecastAge: Duration = .seconds(6 * 86_400)

    /// Deletes expired rows. Above the byte limit, deletes the oldest readings, delivered or not; a hole records undelivered readings that
    /// are deleted.
    package func enforce(_ retention: Retention, now: Instant) throws {
        try withRepair(writes: true) {
            try dropDelivered(before: now - retention.readings)
            try dropDerived(observationsBefore: now - retention.observations, thinBefore: now - Self.fullForecastAge)
            while try usedBytes() > retention.byteLimit {
                if try tables.forecasts.isTooLarge(retention.byteLimit) {
                    for sensor in tables.sensors.ids.values.sorted() { try tables.forecasts.deleteOldestDay(of: sensor) }
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

    /// Deletes delivered readings taken before `limit`, and the delivered log records before the last of these readings.
    private func dropDelivered(before limit: Instant) throws {
        for life in lives {
            for range in life.held.ranges {
                let keys = RowKey.keys(life: life.number, range)
                var look = try database.prepare(
                    "SELECT 1 FROM reading WHERE key BETWEEN ? AND ? AND taken_at_ms < ? LIMIT 1", keys.lowerBound, keys.upperBound, limit.ms)
                guard try look.step() else { continue }
                look.reset()
                // On a full disk the delete makes room for pending rows, so the delete must not require storing them.
                try commit(storesPending: false) { tables in
                    // Save the held ranges and the last sequence in the same transaction as the deletes: after a crash neither may be older
                    // than the deletes.
                    tables.lives.saveDelivery()
                    try tables.log.deleteRecords(keys, beforeReadingsOf: limit)
                    try tables.log.deleteReadings(keys, before: limit)
                }
            }
        }
    }

    private func dropDerived(observationsBefore limit: Instant, thinBefore thin: Instant) throws {
        for sensor in tables.sensors.ids.values.sorted() {
            try tables.observations.delete(of: sensor, before: limit)
            try tables.comparisons.delete(of: sensor, before: limit)
            try tables.forecasts.delete(of: sensor, before: limit)
            try tables.forecasts.thin(sensor, before: thin)
        }
    }

    // MARK: above the byte limit

    /// - Returns: false when there is no reading left to evict.
    private func evictOldest() throws -> Bool {
        guard let (first, last) = try oldestRun() else { return false }
        var undelivered: [ClosedRange<Int64>] = []
        try commit { tables in
            guard let life = tables.lives.all.first(where: { $0.number == first.key.life }) else { return }
            undelivered = life.held.union(life.undeliverable).missing(in: first.key.sequence...last.key.sequence)
            tables.lives.saveDelivery()
            try tables.log.deleteReadings(first.key.value...last.key.value)
            for range in undelivered {
                try tables.insert(
                    .hole(
                        Hole(
                            sensor: nil, reason: .evictedBySize, from: min(first.at, last.at), to: max(first.at, last.at), count: Int64(range.count),
                            sequences: range, epoch: life.epoch)))
                try tables.lives.update(life.epoch) { life in
                    life.evicted += Int64(range.count)
                    life.undeliverable.insert(range)
                }
            }
        }
        if let count = undelivered.first.map({ _ in undelivered.reduce(0) { $0 + $1.count } }) {
            log(.warning, "readings evicted before delivery: the store is full", ["count": count])
        }
        return true
    }

    /// The oldest run of readings with consecutive keys, at most 5,000. A log record ends the run, because log records are not evicted.
    private func oldestRun() throws -> (first: (key: RowKey, at: Instant), last: (key: RowKey, at: Instant))? {
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
