internal import Measures
internal import Wire

/// Collects the batches of one transaction, and inserts them into the log with one call of the database.
struct LogWriter: ~Copyable {
    /// A batch that is not written yet, with the records that are stored beside the log.
    private struct Batch {
        let device: Int64
        let epoch: Epoch
        let columns: [DatabaseValue]
        let records: [(sequence: Int64, record: Record)]
    }

    /// The rows that a transaction has added to a device's log.
    struct Growth {
        var lastBatch: Int64 = 0
        var lastAmendment: Int64 = 0
        var batches: Int64 = 0
    }

    private let database: any ArchiveDatabase
    private var batches: [Batch] = []
    private var refused: [[DatabaseValue]] = []
    private var totals: [LogMonth: (batches: Int64, readings: Int64, bytes: Int64)] = [:]  // by the month of arrival
    private(set) var growth: [Int64: Growth] = [:]  // by device

    init(_ database: any ArchiveDatabase) { self.database = database }

    /// - Returns: the bytes that the batch counts against the device's limit.
    @discardableResult
    mutating func append(
        _ body: [UInt8], _ arrival: BatchArrival, _ sequences: ClosedRange<Int64>, readings: Int, records: [(sequence: Int64, record: Record)]
    ) -> Int64 {
        let (device, epoch) = (arrival.device, arrival.frame.epoch)
        batches.append(
            Batch(
                device: device, epoch: epoch,
                columns: [
                    .integer(device), .integer(Int64(bitPattern: epoch.bits)), .integer(sequences.lowerBound), .integer(sequences.upperBound),
                    .integer(arrival.receivedAt.ms), .integer(Int64(readings)), .bytes(body), .integer(Int64(arrival.boots.lowerBound)),
                    .integer(Int64(arrival.boots.upperBound)),
                ], records: records))
        let month = LogMonth(of: arrival.receivedAt)
        let total = totals[month] ?? (0, 0, 0)
        totals[month] = (total.batches + 1, total.readings + Int64(readings), total.bytes + Int64(body.count))
        let bytes = ArchiveLimits.cost(bytes: body.count, readings: readings, records: records.count)
        growth[device, default: Growth()].batches += 1
        return bytes
    }

    /// Refused rows are stored too, and cost 64 bytes each.
    /// - Returns: the bytes that the rows count against the device's limit.
    mutating func refuse(_ rows: [BatchAcknowledgement.RefusedRow], _ device: Int64, _ epoch: Epoch) -> Int64 {
        guard !rows.isEmpty else { return 0 }
        refused += rows.map { [.integer(device), .integer(Int64(bitPattern: epoch.bits)), .integer($0.sequence), .text($0.reason.name)] }
        growth[device] = growth[device] ?? Growth()
        return 64 * Int64(rows.count)
    }

    /// Writes the collected batches, so that a query of this transaction finds them.
    /// - Parameter add: adds a record's row to `rows`.
    mutating func flush(
        _ add: (_ record: Record, _ device: Int64, _ epoch: Epoch, _ sequence: Int64, _ batch: Int64, _ rows: inout RecordRows) throws -> Void
    ) throws {
        guard !batches.isEmpty || !refused.isEmpty else { return }
        let ids = try database.rowsEach(
            """
            INSERT INTO batch (device, epoch, first, last, received_at_ms, readings, body, boot_first, boot_last) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            RETURNING id
            """, batches.map(\.columns))
        var recordRows = RecordRows()
        for (batch, rows) in zip(batches, ids) {
            guard let id = rows.first?.integer(0) else { throw ArchiveFault.damagedRow("batch: the database has given no id to a new row") }
            growth[batch.device]?.lastBatch = id
            if batch.records.contains(where: { Amendments.amends($0.record) }) { growth[batch.device]?.lastAmendment = id }
            for (sequence, record) in batch.records { try add(record, batch.device, batch.epoch, sequence, id, &recordRows) }
        }
        try recordRows.write(to: database)
        try database.changeEach("INSERT INTO refused VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", refused)
        (batches, refused) = ([], [])
    }

    /// Writes how much each device's log has grown. Call `flush` first.
    /// - Parameter ledger: returns the ledger of a device, for the bytes that the device has stored today.
    func finish(_ ledger: (_ device: Int64) throws -> DeviceLedger) throws {
        try database.changeEach(
            """
            INSERT INTO device_log (device, last_batch, last_amendment, pending, day, day_bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
            ON CONFLICT (device) DO UPDATE SET
                last_batch = CASE WHEN ?2 > device_log.last_batch THEN ?2 ELSE device_log.last_batch END,
                last_amendment = CASE WHEN ?3 > device_log.last_amendment THEN ?3 ELSE device_log.last_amendment END,
                pending = device_log.pending + ?4, day = ?5, day_bytes = ?6
            """,
            growth.sorted { $0.key < $1.key }.map { device, grown in
                let ledger = try ledger(device)
                return [
                    .integer(device), .integer(grown.lastBatch), .integer(grown.lastAmendment), .integer(grown.batches),
                    .integer(ledger.day), .integer(ledger.dayBytes),
                ]
            })
        try database.changeEach(
            """
            INSERT INTO log_month (shard, month, batches, readings, bytes) VALUES (?, ?, ?, ?, ?) ON CONFLICT (shard, month) DO UPDATE SET
                batches = log_month.batches + excluded.batches, readings = log_month.readings + excluded.readings,
                bytes = log_month.bytes + excluded.bytes
            """,
            totals.sorted { $0.key < $1.key }.map { month, total in
                [
                    .integer(database.counterShard), .integer(month.number), .integer(total.batches), .integer(total.readings),
                    .integer(total.bytes),
                ]
            })
    }
}
