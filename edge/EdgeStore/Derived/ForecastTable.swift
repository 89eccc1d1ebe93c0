package import Forecasting
package import Measures
internal import SQLite

/// Stored forecasts, each with its time of issue and its release.
package struct ForecastTable {
    private let database: Connection
    private var thinnedThrough: [Int64: Int64] = [:]  // by sensor: the highest key already thinned

    init(_ database: Connection) { self.database = database }

    /// A forecast that is already stored stays unchanged.
    func insert(_ issued: IssuedForecast, of sensor: Int64) throws {
        try database.run(
            "INSERT INTO forecast VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", ForecastKey.value(sensor: sensor, origin: issued.forecast.origin),
            issued.issuedAt.ms, Int64(bitPattern: issued.releaseCounter), StoredForecast.bytes(issued.forecast))
    }

    /// - Parameters:
    ///   - origin: `nil` for the newest forecast.
    ///   - leadTime: the only lead time to decode; `nil` for all.
    package func forecast(of sensor: Int64, origin: Instant? = nil, leadTime: Duration? = nil) throws -> IssuedForecast? {
        var select = try database.prepare(
            "SELECT key, issued_at_ms, release, body FROM forecast WHERE key BETWEEN ? AND ? ORDER BY key DESC LIMIT 1",
            ForecastKey.value(sensor: sensor, origin: origin ?? Instant(ms: 0)),
            ForecastKey.value(sensor: sensor, origin: origin ?? Instant.valid.upperBound))
        guard try select.step() else { return nil }
        return IssuedForecast(
            forecast: try StoredForecast.forecast(select.blob(3), origin: ForecastKey.origin(select.integer(0)), only: leadTime),
            issuedAt: Instant(ms: select.integer(1)), releaseCounter: UInt64(bitPattern: select.integer(2)))
    }

    mutating func clearThinned() { thinnedThrough = [:] }

    // MARK: deleting

    func delete(_ keys: Range<Int64>) throws { try database.run("DELETE FROM forecast WHERE key >= ? AND key < ?", keys.lowerBound, keys.upperBound) }
    func delete(of sensor: Int64, before limit: Instant) throws { try delete(ForecastKey.range(sensor: sensor, before: limit)) }
    func delete(of sensor: Int64, after origin: Instant) throws {
        try delete(ForecastKey.value(sensor: sensor, origin: origin) + 1..<ForecastKey.first(of: sensor + 1))
    }

    /// Reduces forecasts from before an instant to the lead times that are kept longer. Skips forecasts that are already thinned.
    mutating func thin(_ sensor: Int64, before: Instant) throws {
        let range = ForecastKey.range(sensor: sensor, before: before)
        while true {
            var select = try database.prepare(
                "SELECT key, body FROM forecast WHERE key > ? AND key < ? ORDER BY key LIMIT 500", thinnedThrough[sensor] ?? range.lowerBound - 1,
                range.upperBound)
            var whole: [(key: Int64, body: [UInt8])] = []
            var highest: Int64?
            while try select.step() {
                highest = select.integer(0)
                let body = select.blob(1)
                if StoredForecast.isFull(body) { whole.append((select.integer(0), body)) }
            }
            select.reset()
            guard let highest else { return }
            if !whole.isEmpty { try database.transaction { for row in whole { try thin(row.key, row.body) } } }
            thinnedThrough[sensor] = highest
        }
    }

    private func thin(_ key: Int64, _ body: [UInt8]) throws {
        guard let forecast = try? StoredForecast.forecast(body, origin: ForecastKey.origin(key)) else { return try delete(key..<key + 1) }
        try database.run("UPDATE forecast SET body = ? WHERE key = ?", StoredForecast.bytes(StoredForecast.thinned(forecast)), key)
    }

    /// Whether forecasts take more than a quarter of the byte limit. Old forecasts are kept only for review, so old forecasts are deleted before
    /// readings.
    func isTooLarge(_ byteLimit: Int64) throws -> Bool {
        (try database.integer("SELECT COALESCE(SUM(length(body) + 20), 0) FROM forecast") ?? 0) > byteLimit / 4
    }

    func deleteOldestDay(of sensor: Int64) throws {
        let beyond = ForecastKey.first(of: sensor + 1)
        var select = try database.prepare("SELECT MIN(key) FROM forecast WHERE key >= ? AND key < ?", ForecastKey.first(of: sensor), beyond)
        guard try select.step(), let oldest = select.optionalInteger(0) else { return }
        select.reset()
        try delete(oldest..<min(oldest + 86_400, beyond))
    }
}

/// The integer key of a forecast: `sensor << 40 | origin in seconds`.
enum ForecastKey {
    private static let originBits: Int64 = 40
    static func first(of sensor: Int64) -> Int64 { sensor << originBits }
    static func value(sensor: Int64, origin: Instant) -> Int64 { first(of: sensor) | max(0, min(1 << originBits - 1, origin.ms / 1_000)) }
    static func origin(_ key: Int64) -> Instant { Instant(ms: (key & (1 << originBits - 1)) * 1_000) }
    static func sensor(_ key: Int64) -> Int64 { key >> originBits }
    /// All origins of a sensor before an instant.
    static func range(sensor: Int64, before: Instant) -> Range<Int64> { first(of: sensor)..<value(sensor: sensor, origin: before) }
}
