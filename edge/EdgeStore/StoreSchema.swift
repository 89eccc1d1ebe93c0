internal import Measures
internal import SQLite

/// The edge's database schema. A schema change needs a new version and a migration step.
enum StoreSchema {
    static let applicationID: Int64 = 0x5641_484F  // VAHO
    /// Version 1 had no checksums. Versions 2 and 3 kept alarms, renames and copies of names as text in `meta`. Version 3 has record types that
    /// the program of version 2 cannot decode. Up to version 4 the store kept the counter of the accepted release, which is now in the file of
    /// the release slots.
    static let version: Int64 = 5

    /// A commit of one reading writes one page. Small pages reduce flash wear (4,096 bytes: 12 MB a day at one reading a minute).
    static let pageSize = 1_024

    static func create(in database: Connection) throws {
        try database.transaction {
            try database.execute(sql)
            try database.execute("PRAGMA application_id = \(applicationID); PRAGMA user_version = \(version)")
        }
    }

    /// Whether the table definitions in the file equal the definitions that `create` writes. A flipped bit in a definition hides the rows of
    /// the table. Comments, blanks and additional tables are not compared.
    static func isIntact(in database: Connection) throws -> Bool {
        func descriptions(_ database: Connection) throws -> [String: [Substring]] {
            var tables: [String: [Substring]] = [:]
            var select = try database.prepare("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
            while try select.step() { tables[select.text(0)] = words(select.text(1)) }
            return tables
        }
        let reference = try Connection(path: ":memory:")
        try create(in: reference)
        let found = try descriptions(database)
        return try descriptions(reference).allSatisfy { found[$0.key] == $0.value }
    }

    private static func words(_ sql: String) -> [Substring] {
        sql.split(separator: "\n").flatMap { line -> [Substring] in
            var code = line
            if let comment = line.indices.first(where: { line[$0...].hasPrefix("--") }) { code = line[..<comment] }
            return code.split { $0 == " " }
        }
    }

    private static let sql = """
        CREATE TABLE life (            -- a life of this store: its rows are named device/epoch/sequence
            number INTEGER PRIMARY KEY,
            epoch INTEGER NOT NULL,    -- 64 bits
            began_at_ms INTEGER NOT NULL,
            reason TEXT NOT NULL,
            last INTEGER NOT NULL DEFAULT 0,     -- at least the highest sequence whose row was deleted
            evicted INTEGER NOT NULL DEFAULT 0,  -- readings dropped before they were delivered
            refused INTEGER NOT NULL DEFAULT 0,
            checksum INTEGER NOT NULL  -- of number, epoch and last
        );
        CREATE TABLE delivery (        -- per life: ranges that the cloud holds, and ranges that will never be sent
            life INTEGER PRIMARY KEY, body BLOB NOT NULL, checksum INTEGER NOT NULL
        );
        CREATE TABLE sensor (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, record BLOB NOT NULL, state TEXT NOT NULL DEFAULT 'ok',
            checksum INTEGER NOT NULL  -- of id and name
        );
        CREATE TABLE reading (
            key INTEGER PRIMARY KEY, sensor INTEGER NOT NULL, taken_at_ms INTEGER NOT NULL, humidity_mpct INTEGER,
            temperature_mc INTEGER, pressure_pa INTEGER, flags INTEGER NOT NULL, clock INTEGER NOT NULL, boot INTEGER NOT NULL,
            boottime_ms INTEGER NOT NULL, checksum INTEGER NOT NULL
        );
        CREATE TABLE record (key INTEGER PRIMARY KEY, body BLOB NOT NULL, checksum INTEGER NOT NULL);
        CREATE TABLE observation (
            sensor INTEGER NOT NULL, valid_at_ms INTEGER NOT NULL, humidity_mpct INTEGER NOT NULL, temperature_mc INTEGER,
            through INTEGER NOT NULL,  -- key of the last reading that the time grid had processed
            PRIMARY KEY (sensor, valid_at_ms)
        ) WITHOUT ROWID;
        CREATE TABLE forecast (        -- integer key: SQLite keeps a row of 1 kB in one page only in a table with rowid
            key INTEGER PRIMARY KEY,   -- sensor << 40 | origin in seconds
            issued_at_ms INTEGER NOT NULL, release INTEGER NOT NULL, body BLOB NOT NULL
        );
        CREATE TABLE score (           -- sums over forecasts whose target time has passed; day first: one day writes to one page
            day INTEGER NOT NULL, release INTEGER NOT NULL, sensor INTEGER NOT NULL, lead_time_s INTEGER NOT NULL,
            count INTEGER NOT NULL, absolute_error REAL NOT NULL, persistence_error REAL NOT NULL,
            climatology_error REAL NOT NULL, pinball REAL NOT NULL, covered INTEGER NOT NULL,
            PRIMARY KEY (day, release, sensor, lead_time_s)
        ) WITHOUT ROWID;
        CREATE TABLE comparison (      -- the release in use beside the last good one: sums of absolute errors of the same targets
            day INTEGER NOT NULL, release INTEGER NOT NULL, rival INTEGER NOT NULL, sensor INTEGER NOT NULL, lead_time_s INTEGER NOT NULL,
            count INTEGER NOT NULL, error REAL NOT NULL, rival_error REAL NOT NULL, persistence_error REAL NOT NULL,
            PRIMARY KEY (day, release, rival, sensor, lead_time_s)
        ) WITHOUT ROWID;
        CREATE TABLE life_copy (number INTEGER PRIMARY KEY, epoch INTEGER NOT NULL);  -- epochs and names are stored twice:
        CREATE TABLE sensor_copy (id INTEGER PRIMARY KEY, name TEXT NOT NULL);        -- a damaged page may destroy one copy
        CREATE TABLE calibration (     -- kept longer than the log records, which are deleted when delivered and old
            id INTEGER PRIMARY KEY, sensor TEXT NOT NULL, from_ms INTEGER NOT NULL, said_at_ms INTEGER NOT NULL, gain_ppm INTEGER NOT NULL,
            offset_mpct INTEGER NOT NULL, UNIQUE (said_at_ms, sensor, from_ms, gain_ppm, offset_mpct)
        );
        CREATE TABLE sensor_rename (
            id INTEGER PRIMARY KEY, sensor TEXT NOT NULL, name TEXT NOT NULL, until_ms INTEGER NOT NULL, said_at_ms INTEGER NOT NULL,
            UNIQUE (said_at_ms, sensor, name)
        );
        CREATE TABLE raised_alarm (    -- alarms that are raised now
            id INTEGER PRIMARY KEY, rule TEXT NOT NULL, sensor TEXT NOT NULL, text TEXT NOT NULL, state TEXT NOT NULL, since_ms INTEGER NOT NULL,
            at_ms INTEGER NOT NULL, value REAL, valid_at_ms INTEGER, expected_from_ms INTEGER, expected_until_ms INTEGER, probability_pct INTEGER,
            UNIQUE (rule, sensor)
        );
        CREATE TABLE waiting_alarm (   -- alarms, raised or ended, not yet delivered to a target
            number INTEGER PRIMARY KEY, target TEXT NOT NULL, rule TEXT NOT NULL, sensor TEXT NOT NULL, text TEXT NOT NULL, state TEXT NOT NULL,
            since_ms INTEGER NOT NULL, at_ms INTEGER NOT NULL, value REAL, valid_at_ms INTEGER, expected_from_ms INTEGER,
            expected_until_ms INTEGER, probability_pct INTEGER
        );
        CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;  -- single values
        """
}
