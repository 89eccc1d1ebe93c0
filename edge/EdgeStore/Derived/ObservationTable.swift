package import Measures
internal import SQLite

/// Observations: the means of readings on the time grid.
package struct ObservationTable {
    private let database: Connection

    init(_ database: Connection) { self.database = database }

    /// - Returns: whether the observation is new. An observation that is already stored stays unchanged.
    func insert(_ observation: Observation, of sensor: Int64, through: Int64) throws -> Bool {
        try database.run(
            "INSERT INTO observation VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", sensor, observation.validAt.ms,
            Milli.rounded(observation.humidity.percent), observation.temperature.flatMap { Milli.rounded($0.celsius) }, through)
        return database.changes > 0
    }

    package func newest(of sensor: Int64) throws -> (at: Instant, through: Int64)? {
        var select = try database.prepare(
            "SELECT valid_at_ms, through FROM observation WHERE sensor = ? ORDER BY valid_at_ms DESC LIMIT 1", sensor)
        return try select.step() ? (Instant(ms: select.integer(0)), select.integer(1)) : nil
    }

    /// The first observations of a sensor after an instant, oldest first.
    package func after(_ since: Instant, of sensor: Int64, limit: Int = .max) throws -> [Observation] {
        var select = try database.prepare(
            "SELECT valid_at_ms, humidity_mpct, temperature_mc FROM observation WHERE sensor = ? AND valid_at_ms > ? ORDER BY valid_at_ms LIMIT ?",
            sensor, since.ms, Int64(limit))
        var observations: [Observation] = []
        while try select.step() {
            observations.append(
                Observation(
                    validAt: Instant(ms: select.integer(0)), humidity: RelativeHumidity(percent: Double(select.integer(1)) / 1_000),
                    temperature: select.optionalInteger(2).map { Temperature(celsius: Double($0) / 1_000) }))
        }
        return observations
    }

    /// The start of the current run of observations with one value.
    /// - Parameter mpct: the value, calibrated, in thousandths of a percent.
    /// - Returns: the time of the first observation of the unbroken run; `nil` if the newest observation has another value.
    package func startOfEqualRun(_ mpct: Int32, of sensor: Int64) throws -> Instant? {
        let value = Int64(max(0, min(100_000, mpct)))
        var select = try database.prepare("SELECT valid_at_ms, humidity_mpct FROM observation WHERE sensor = ? ORDER BY valid_at_ms DESC", sensor)
        var first: Instant?
        while try select.step(), select.integer(1) == value { first = Instant(ms: select.integer(0)) }
        return first
    }

    /// The end of the last bin whose readings retention has deleted. Observations up to this time cannot be computed again.
    /// - Parameter oldest: key of the sensor's oldest reading.
    /// - Returns: `nil` if no observation can be computed again.
    func lastIncompleteBin(_ sensor: Int64, oldest: Int64) throws -> Instant? {
        var bins = try database.prepare(
            "SELECT MIN(CASE WHEN through < ?2 THEN 1 ELSE 2 END), MIN(CASE WHEN through >= ?2 THEN valid_at_ms END) FROM observation WHERE sensor = ?1",
            sensor, oldest)
        guard try bins.step(), bins.integer(0) == 1 else { return Instant(ms: 0) }
        return bins.optionalInteger(1).map(Instant.init(ms:))
    }

    func delete(of sensor: Int64, before limit: Instant) throws {
        try database.run("DELETE FROM observation WHERE sensor = ? AND valid_at_ms < ?", sensor, limit.ms)
    }
    func delete(of sensor: Int64, after instant: Instant) throws {
        try database.run("DELETE FROM observation WHERE sensor = ? AND valid_at_ms > ?", sensor, instant.ms)
    }
    func delete(of sensor: Int64, fromKey key: Int64) throws {
        try database.run("DELETE FROM observation WHERE sensor = ? AND through >= ?", sensor, key)
    }
}
