internal import Measures
internal import Wire

/// Appends packed batches to the log within one transaction, and counts how much each device adds to the log.
struct LogWriter: ~Copyable {
    private let database: any ArchiveDatabase
    private var total: (batches: Int64, readings: Int64, bytes: Int64) = (0, 0, 0)
    private(set) var growth: [Int64: Growth] = [:]  // by device

    /// What a transaction has added to a device's log.
    struct Growth {
        var lastBatch: Int64 = 0
        var lastAmendment: Int64 = 0
        var batches: Int64 = 0
        var bytes: Int64 = 0  // as ArchiveLimits counts them
    }

    init(_ database: any ArchiveDatabase) { self.database = database }

    /// - Returns: the batch's row id in the log.
    mutating func append(
        _ body: [UInt8], _ arrival: BatchArrival, _ sequences: ClosedRange<Int64>, readings: Int, records: Int, amends: Bool
    ) throws -> Int64 {
        let id =
            try database.integer(
                """
                INSERT INTO batch (device, epoch, first, last, received_at_ms, readings, body, boot_first, boot_last) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                RETURNING id
                """, arrival.device, Int64(bitPattern: arrival.frame.epoch.bits), sequences.lowerBound, sequences.upperBound, arrival.receivedAt.ms,
                readings, body, Int64(arrival.boots.lowerBound), Int64(arrival.boots.upperBound)) ?? 0
        total = (total.batches + 1, total.readings + Int64(readings), total.bytes + Int64(body.count))
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
            try database.run(
                """
                INSERT INTO device_log (device, last_batch, last_amendment, pending, day, day_bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                ON CONFLICT (device) DO UPDATE SET
                    last_batch = CASE WHEN ?2 > device_log.last_batch THEN ?2 ELSE device_log.last_batch END,
                    last_amendment = CASE WHEN ?3 > device_log.last_amendment THEN ?3 ELSE device_log.last_amendment END,
                    pending = device_log.pending + ?4,
                    day_bytes = CASE WHEN device_log.day = ?5 THEN device_log.day_bytes ELSE 0 END + ?6, day = ?5
                """, device, grown.lastBatch, grown.lastAmendment, grown.batches, day, grown.bytes)
        }
        guard total.batches > 0 else { return }
        try database.run(
            "UPDATE log_total SET batches = batches + ?, readings = readings + ?, bytes = bytes + ?", total.batches, total.readings, total.bytes)
    }
}
