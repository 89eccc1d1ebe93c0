internal import Measures
internal import SQLite

/// The edge's database. A change of it gets a new version and a step that leads there.
enum StoreSchema {
    static let applicationID: Int64 = 0x5641_484F  // VAHO
    /// 3 has the tables of 2, and records of calibrations and names that its program did not know.
    static let version: Int64 = 3

    /// A commit of one reading writes one page: small ones spare the flash (4096: 12 MB a day at one reading a minute).
    static let pageSize = 1_024

    /// A row's key is `life << 40 | sequence`: one integer, so that the log needs no second index.
    static let sequenceBits: Int64 = 40

    static func create(in database: Connection) throws {
        try database.transaction {
            try database.execute(sql)
            try database.execute("PRAGMA application_id = \(applicationID); PRAGMA user_version = \(version)")
        }
    }

    /// Whether the tables are those that `create` made: a flipped bit in their description hides what lies in them. What does
    /// not matter is not compared: comments and blanks, and tables that others have added.
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
            last INTEGER NOT NULL DEFAULT 0,     -- at least the highest sequence given whose row has been deleted
            evicted INTEGER NOT NULL DEFAULT 0,  -- readings dropped before they were delivered
            refused INTEGER NOT NULL DEFAULT 0,
            checksum INTEGER NOT NULL  -- of number, epoch and last
        );
        CREATE TABLE delivery (        -- of a life: what the cloud holds by its own word, and what will never be sent
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
            through INTEGER NOT NULL,  -- the key of the last reading that the grid had taken in
            PRIMARY KEY (sensor, valid_at_ms)
        ) WITHOUT ROWID;
        CREATE TABLE forecast (        -- by integer key: SQLite keeps a kilobyte in the page only in a table of that kind
            key INTEGER PRIMARY KEY,   -- sensor << 40 | origin in seconds
            issued_at_ms INTEGER NOT NULL, release INTEGER NOT NULL, body BLOB NOT NULL
        );
        CREATE TABLE score (           -- sums over forecasts whose time has come; by day first: one page a day is written to
            day INTEGER NOT NULL, release INTEGER NOT NULL, sensor INTEGER NOT NULL, lead_time_s INTEGER NOT NULL,
            count INTEGER NOT NULL, absolute_error REAL NOT NULL, persistence_error REAL NOT NULL,
            climatology_error REAL NOT NULL, pinball REAL NOT NULL, covered INTEGER NOT NULL,
            PRIMARY KEY (day, release, sensor, lead_time_s)
        ) WITHOUT ROWID;
        CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        """
}

/// The place of a forecast: by sensor, then by origin.
enum ForecastKey {
    static func value(sensor: Int64, origin: Instant) -> Int64 { sensor << 40 | max(0, min(1 << 40 - 1, origin.ms / 1_000)) }
    static func origin(_ key: Int64) -> Instant { Instant(ms: (key & (1 << 40 - 1)) * 1_000) }
    static func sensor(_ key: Int64) -> Int64 { key >> 40 }
    /// All origins of a sensor before an instant.
    static func range(sensor: Int64, before: Instant) -> Range<Int64> { (sensor << 40)..<value(sensor: sensor, origin: before) }
}

/// The place of a row in this store: which life, which sequence.
struct RowKey: Sendable, Hashable, Comparable {
    let life: Int64
    let sequence: Int64

    init(life: Int64, sequence: Int64) {
        self.life = life
        self.sequence = sequence
    }
    init(_ key: Int64) { self.init(life: key >> StoreSchema.sequenceBits, sequence: key & (1 << StoreSchema.sequenceBits - 1)) }
    var value: Int64 { life << StoreSchema.sequenceBits | sequence }
    static func < (a: RowKey, b: RowKey) -> Bool { a.value < b.value }

    /// The keys of a range of sequences.
    static func values(life: Int64, _ sequences: ClosedRange<Int64>) -> ClosedRange<Int64> {
        RowKey(life: life, sequence: sequences.lowerBound).value...RowKey(life: life, sequence: sequences.upperBound).value
    }
}
