package import Measures
internal import SQLite
internal import Wire

/// The sensors of the store: ids, records and conditions.
package struct SensorTable {
    private static let renamedState = "renamed"

    private let database: Connection
    package private(set) var ids: [SensorName: Int64]
    private(set) var renamed: Set<Int64>  // sensors whose series continues under another name

    /// Reads the file.
    init(_ database: Connection) throws {
        self.database = database
        (ids, renamed) = ([:], [])
        var select = try database.prepare("SELECT name, id, checksum, state FROM sensor")
        while try select.step() {
            guard let name = SensorName(select.text(0)), select.integer(2) == RowChecksum.of(key: select.integer(1), name: name.name) else {
                throw DamagedRow(key: select.integer(1))
            }
            ids[name] = select.integer(1)
            if select.text(3) == Self.renamedState { renamed.insert(select.integer(1)) }
        }
    }

    package func name(of sensor: Int64) -> SensorName? { ids.first { $0.value == sensor }?.key }

    package func id(_ sensor: SensorName) throws -> Int64 {
        guard let id = ids[sensor] else { throw StoreFault.unknownSensor(sensor) }
        return id
    }

    // MARK: records

    /// A stored sensor, with its record and last condition.
    package struct Stored: Sendable {
        package let id: Int64
        package let record: SensorRecord
        package let condition: String  // as passed to `setCondition`
    }

    /// All sensors whose series does not continue under another name, ordered by name.
    package func all() throws -> [Stored] {
        var select = try database.prepare("SELECT id, record, state FROM sensor WHERE state <> ? ORDER BY name", Self.renamedState)
        var all: [Stored] = []
        while try select.step() {
            guard case .sensor(let record) = try RecordCoding.record(select.blob(1)) else { continue }
            all.append(Stored(id: select.integer(0), record: record, condition: select.text(2)))
        }
        return all
    }

    package func record(of id: Int64) throws -> SensorRecord? {
        var select = try database.prepare("SELECT record FROM sensor WHERE id = ?", id)
        guard try select.step(), case .sensor(let record)? = try? RecordCoding.record(select.blob(0)) else { return nil }
        return record
    }

    // MARK: changes, inside a transaction

    /// Stores a sensor's record.
    /// - Returns: the sensor's id.
    @discardableResult
    mutating func upsert(_ record: SensorRecord) throws -> Int64 {
        let id = try ids[record.sensor] ?? (database.integer("SELECT COALESCE(MAX(id), 0) + 1 FROM sensor") ?? 1)
        try Self.insert(id, record.sensor.name, RecordCoding.bytes(.sensor(record)), into: database)
        ids[record.sensor] = id
        return id
    }

    /// Id and name are stored twice, in different parts of the file: a damaged page may destroy one copy.
    static func insert(_ id: Int64, _ name: String, _ record: [UInt8], state: String = "ok", into database: Connection) throws {
        try database.run(
            "INSERT INTO sensor VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET record = excluded.record", id, name, record, state,
            RowChecksum.of(key: id, name: name))
        try database.run("INSERT OR REPLACE INTO sensor_copy VALUES (?, ?)", id, name)
    }

    /// Stores the last known condition of a sensor, for commands and for the next start.
    package func setCondition(_ condition: String, of sensor: SensorName) throws {
        try database.run("UPDATE sensor SET state = ? WHERE name = ? AND state <> ?", condition, sensor.name, condition)
    }

    mutating func markRenamed(_ sensor: Int64) throws {
        renamed.insert(sensor)
        try database.run("UPDATE sensor SET state = ? WHERE id = ?", Self.renamedState, sensor)
    }
}
