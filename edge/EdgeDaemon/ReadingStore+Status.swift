package import Measures
internal import Observing
internal import SQLite
package import Wire

/// What the store says of the device: for the status command, the page and the report to the cloud.
extension ReadingStore {
    package struct SensorStatus: Sendable {
        package let id: Int64
        package let record: SensorRecord
        package let state: String
        package let last: Observation?
    }

    package func sensorStatuses() throws -> [SensorStatus] {
        var select = try database.prepare("SELECT id, record, state FROM sensor ORDER BY name")
        var statuses: [SensorStatus] = []
        while try select.step() {
            guard case .sensor(let record) = try RecordCoding.record(select.blob(1)) else { continue }
            var last = try database.prepare(
                "SELECT taken_at_ms, humidity_mpct, temperature_mc FROM reading WHERE sensor = ? AND humidity_mpct IS NOT NULL ORDER BY key DESC LIMIT 1"
            )
            try last.bind(select.integer(0), at: 1)
            var newest: Observation?
            if try last.step() {
                newest = Observation(
                    validAt: Instant(ms: last.integer(0)), humidity: RelativeHumidity(percent: Double(last.integer(1)) / 1_000),
                    temperature: last.optionalInteger(2).map { Temperature(celsius: Double($0) / 1_000) })
            }
            statuses.append(SensorStatus(id: select.integer(0), record: record, state: select.text(2), last: newest))
        }
        return statuses
    }

    package struct Counts: Sendable {
        package var readings: Int64 = 0
        package var backlog: Int64 = 0
        package var evicted: Int64 = 0
        package var refused: Int64 = 0
        package var bytes: Int64 = 0
    }

    package func counts() throws -> Counts {
        var counts = Counts()
        counts.readings = try database.integer("SELECT COUNT(*) FROM reading") ?? 0
        for life in lives {
            counts.backlog += life.backlog
            counts.evicted += life.evicted
            counts.refused += life.refused
        }
        counts.bytes = (try database.integer("PRAGMA page_count") ?? 0) * (try database.integer("PRAGMA page_size") ?? 0)
        return counts
    }

    /// Live errors by release and lead time over all sensors, the last four releases.
    package func liveScores() throws -> [LiveScore] {
        var select = try database.prepare(
            """
            SELECT release, lead_time_s, SUM(count), SUM(absolute_error), SUM(persistence_error), SUM(climatology_error), SUM(covered)
            FROM score WHERE release IN (SELECT DISTINCT release FROM score ORDER BY release DESC LIMIT 4)
            GROUP BY release, lead_time_s ORDER BY release, lead_time_s
            """)
        var scores: [LiveScore] = []
        while try select.step() {
            let count = max(1, select.integer(2))
            func mean(_ column: Int32) -> Int64 { Int64((select.double(column) / Double(count) * 1_000).rounded()) }
            scores.append(
                LiveScore(
                    releaseCounter: UInt64(bitPattern: select.integer(0)), leadTimeSeconds: select.integer(1), count: select.integer(2),
                    absoluteErrorMpct: mean(3), persistenceErrorMpct: mean(4), climatologyErrorMpct: mean(5),
                    coveredPpm: select.integer(6) * 1_000_000 / count))
        }
        return scores
    }

    /// Holes recorded since an instant, newest last.
    package func holes(limit: Int) throws -> [Hole] {
        var select = try database.prepare("SELECT body FROM record ORDER BY key DESC LIMIT 1000")
        var holes: [Hole] = []
        while holes.count < limit, try select.step() {
            if case .hole(let hole) = try RecordCoding.record(select.blob(0)) { holes.append(hole) }
        }
        return holes.reversed()
    }

    /// Raw readings of a sensor, oldest first, at most `limit` of the newest.
    package func rawReadings(sensor: Int64, limit: Int) throws -> [Reading] {
        var select = try database.prepare(
            """
            SELECT taken_at_ms, humidity_mpct, temperature_mc, pressure_pa, flags, clock, boot, boottime_ms FROM reading
            WHERE sensor = ? ORDER BY key DESC LIMIT ?
            """)
        try select.bind(sensor, at: 1)
        try select.bind(Int64(limit), at: 2)
        var readings: [Reading] = []
        while try select.step() {
            readings.append(
                Reading(
                    takenAt: Instant(ms: select.integer(0)), humidityMpct: select.optionalInteger(1).map(Int32.init(truncatingIfNeeded:)),
                    temperatureMc: select.optionalInteger(2).map(Int32.init(truncatingIfNeeded:)),
                    pressurePa: select.optionalInteger(3).map(Int32.init(truncatingIfNeeded:)),
                    flags: ReadingFlags(rawValue: UInt16(truncatingIfNeeded: select.integer(4))),
                    clock: ClockQuality(rawValue: UInt8(truncatingIfNeeded: select.integer(5))) ?? .unknown,
                    boot: UInt32(truncatingIfNeeded: select.integer(6)), boottimeMs: select.integer(7)))
        }
        return readings.reversed()
    }
}
