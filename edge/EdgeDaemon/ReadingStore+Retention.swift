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

    /// Drops what is past its time; above the byte limit the oldest readings go first, delivered or not, and a hole says so.
    package func enforce(_ retention: Retention, now: Instant) throws {
        try dropDelivered(before: now - retention.readings)
        try dropDerived(observationsBefore: now - retention.observations, thinBefore: now - .seconds(6 * 86_400))
        while try usedBytes() > retention.byteLimit {
            guard try evictOldest() else { return }
        }
    }

    private func usedBytes() throws -> Int64 {
        let pages = (try database.integer("PRAGMA page_count") ?? 0) - (try database.integer("PRAGMA freelist_count") ?? 0)
        return pages * (try database.integer("PRAGMA page_size") ?? 4_096)
    }

    private func dropDelivered(before limit: Instant) throws {
        for life in lives {
            for range in life.held.ranges {
                let (low, high) = (
                    RowKey(life: life.number, sequence: range.lowerBound).value, RowKey(life: life.number, sequence: range.upperBound).value
                )
                var delete = try database.prepare("DELETE FROM reading WHERE key BETWEEN ? AND ? AND taken_at_ms < ?")
                try delete.bind(low, at: 1)
                try delete.bind(high, at: 2)
                try delete.bind(limit.ms, at: 3)
                try delete.run()
                readingCount -= Int64(database.changes)
            }
        }
    }

    private func dropDerived(observationsBefore limit: Instant, thinBefore thin: Instant) throws {
        for sensor in try sensorStatuses().map(\.id) {
            var observations = try database.prepare("DELETE FROM observation WHERE sensor = ? AND valid_at_ms < ?")
            try observations.bind(sensor, at: 1)
            try observations.bind(limit.ms, at: 2)
            try observations.run()
            let old = ForecastKey.range(sensor: sensor, before: limit)
            var forecasts = try database.prepare("DELETE FROM forecast WHERE key >= ? AND key < ?")
            try forecasts.bind(old.lowerBound, at: 1)
            try forecasts.bind(old.upperBound, at: 2)
            try forecasts.run()
            try thinForecasts(of: sensor, before: thin)
        }
    }

    /// Leaves the lead times that are kept for longer. What was thinned before is short, and at most a few days are new.
    private func thinForecasts(of sensor: Int64, before: Instant) throws {
        let range = ForecastKey.range(sensor: sensor, before: before)
        let recent = ForecastKey.value(sensor: sensor, origin: before - .seconds(3 * 86_400))
        var select = try database.prepare("SELECT key, body FROM forecast WHERE key >= ? AND key < ? AND length(body) > 300 LIMIT 2000")
        try select.bind(max(range.lowerBound, recent), at: 1)
        try select.bind(range.upperBound, at: 2)
        var thinned: [(key: Int64, body: [UInt8])] = []
        while try select.step() {
            let forecast = try StoredForecast.forecast(select.blob(1), origin: ForecastKey.origin(select.integer(0)))
            thinned.append((select.integer(0), StoredForecast.bytes(StoredForecast.thinned(forecast))))
        }
        select.reset()
        guard !thinned.isEmpty else { return }
        try database.transaction {
            var update = try database.prepare("UPDATE forecast SET body = ? WHERE key = ?")
            for row in thinned {
                try update.bind(row.body, at: 1)
                try update.bind(row.key, at: 2)
                try update.run()
            }
        }
    }

    /// - Returns: false when there is no reading left to evict.
    private func evictOldest() throws -> Bool {
        var select = try database.prepare("SELECT key, taken_at_ms FROM reading ORDER BY key LIMIT 5000")
        var first: (key: RowKey, at: Instant)?
        var last: (key: RowKey, at: Instant)?
        var undelivered: Int64 = 0
        while try select.step() {
            let row = (key: RowKey(select.integer(0)), at: Instant(ms: select.integer(1)))
            // Only neighbours: a record between them stays, and is still delivered.
            if let last, row.key.value != last.key.value + 1 { break }
            first = first ?? row
            last = row
            if let life = lives.first(where: { $0.number == row.key.life }), !life.held.contains(row.key.sequence) { undelivered += 1 }
        }
        select.reset()
        guard let first, let last, let index = lives.firstIndex(where: { $0.number == first.key.life }) else { return false }
        var evicted: Int64 = 0
        try commit {
            var delete = try database.prepare("DELETE FROM reading WHERE key BETWEEN ? AND ?")
            try delete.bind(first.key.value, at: 1)
            try delete.bind(last.key.value, at: 2)
            try delete.run()
            evicted = Int64(database.changes)
            guard undelivered > 0 else { return }
            lives[index].evicted += undelivered
            let isCurrent = index == lives.count - 1
            try insert(
                .hole(
                    Hole(
                        sensor: nil, reason: .evictedBySize, from: min(first.at, last.at), to: max(first.at, last.at), count: undelivered,
                        sequences: isCurrent ? first.key.sequence...last.key.sequence : nil)))
            lives[index].held.insert(first.key.sequence...last.key.sequence)
            heldIsUnsaved = true
        }
        readingCount -= evicted
        if undelivered > 0 { log(.warning, "readings evicted before delivery: the store is full", ["count": undelivered]) }
        return true
    }
}
