internal import Measures
internal import SQLite
internal import Wire

/// Appends packed batches to the log within one transaction, and counts how much each device adds to the log.
struct LogWriter: ~Copyable {
    private let database: Connection
    private var insert: Statement
    private var total: (batches: Int64, readings: Int64, bytes: Int64) = (0, 0, 0)
    private(set) var growth: [Int64: Growth] = [:]  // by device

    /// What a transaction has added to a device's log.
    struct Growth {
        var lastBatch: Int64 = 0
        var lastAmendment: Int64 = 0
        var batches: Int64 = 0
        var bytes: Int64 = 0  // as ArchiveLimits counts them
    }

    init(_ database: Connection) throws {
        self.database = database
        insert = try database.prepare(
            """
            INSERT INTO batch (device, epoch, first, last, received_at_ms, readings, body, boot_first, boot_last) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
    }

    /// - Returns: the batch's row id in the log.
    mutating func append(
        _ body: [UInt8], _ arrival: Archive.Arrival, _ sequences: ClosedRange<Int64>, readings: Int, records: Int, amends: Bool
    ) throws -> Int64 {
        try insert.bind(arrival.device, at: 1)
        try insert.bind(Int64(bitPattern: arrival.frame.epoch.bits), at: 2)
        try insert.bind(sequences.lowerBound, at: 3)
        try insert.bind(sequences.upperBound, at: 4)
        try insert.bind(arrival.receivedAt.ms, at: 5)
        try insert.bind(Int64(readings), at: 6)
        try insert.bind(body, at: 7)
        try insert.bind(Int64(arrival.boots.lowerBound), at: 8)
        try insert.bind(Int64(arrival.boots.upperBound), at: 9)
        try insert.run()
        total = (total.batches + 1, total.readings + Int64(readings), total.bytes + Int64(body.count))
        let id = database.lastInsertedRow
        var grown = growth[arrival.device] ?? Growth()
        grown.lastBatch = id
        if amends { grown.lastAmendment = id }
        grown.batches += 1
        grown.bytes += ArchiveLimits.cost(bytes: body.count, readings: readings, records: records)
        growth[arrival.device] = grown
        return id
    }

    /// Refused rows are stored too, and cost 64 bytes each.
    mutating func countRefused(_ rows: Int, device: Int64) { growth[device, default: Growth()].bytes += 64 * Int64(rows) }

    mutating func finish(at now: Instant) throws {
        let day = now.ms / 86_400_000
        for (device, grown) in growth {
            var upsert = try database.prepare(
                """
                INSERT INTO device_log (device, last_batch, last_amendment, pending, day, day_bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                ON CONFLICT (device) DO UPDATE SET
                    last_batch = CASE WHEN ?2 > last_batch THEN ?2 ELSE last_batch END,
                    last_amendment = CASE WHEN ?3 > last_amendment THEN ?3 ELSE last_amendment END,
                    pending = pending + ?4, day_bytes = CASE WHEN day = ?5 THEN day_bytes ELSE 0 END + ?6, day = ?5
                """)
            for (index, value) in [device, grown.lastBatch, grown.lastAmendment, grown.batches, day, grown.bytes].enumerated() {
                try upsert.bind(value, at: Int32(index + 1))
            }
            try upsert.run()
        }
        guard total.batches > 0 else { return }
        var update = try database.prepare("UPDATE log_total SET batches = batches + ?, readings = readings + ?, bytes = bytes + ?")
        for (index, value) in [total.batches, total.readings, total.bytes].enumerated() { try update.bind(value, at: Int32(index + 1)) }
        try update.run()
    }
}
