internal import Measures
internal import Postgres
internal import Runtime

/// The log's months as partitions, which are created ahead and dropped whole.
extension PostgresDatabase {
    /// How long a change of partitions waits for other transactions. The ingest waits for the change during this time.
    private static let lockTimeout = "SET LOCAL lock_timeout = '500ms'"

    func preparePartitions(for span: ClosedRange<Instant>) throws {
        for table in [TimePartitions.batches, .observations] {
            let wanted = table.partitions(for: span)
            let existing = try withConnection { try table.existing($0) }
            for partition in wanted where !existing.contains(partition.name) {
                try transactionOnce(.durable) {
                    try withConnection { connection in
                        try connection.execute(PostgresDatabase.lockSchema)
                        try connection.execute(PostgresDatabase.lockTimeout)
                        // Another server may have created the partition meanwhile.
                        if try !table.existing(connection).contains(partition.name) { try table.create(partition, connection) }
                    }
                }
            }
        }
    }

    /// Adds a constraint to each expired month, so that a server with a wrong clock cannot add a batch to the month.
    func closeExpiredMonths(before cutoff: Instant) throws -> [LogMonth]? {
        let existing = try withConnection { try TimePartitions.batches.existing($0) }
        guard cutoff > ClockDiscipline.earliest else { return [] }
        let all = TimePartitions.batches.partitions(for: ClockDiscipline.earliest...cutoff)
        let expired = all.filter { existing.contains($0.name) && $0.months.upperBound.start <= cutoff }
        for partition in expired {
            try transactionOnce(.durable) {
                try withConnection { connection in
                    try connection.execute(PostgresDatabase.lockTimeout)
                    let closed = try connection.query(
                        "SELECT 1 FROM pg_constraint WHERE conrelid = '\(partition.name)'::regclass AND conname = 'closed'")
                    guard closed.count == 0 else { return }
                    try connection.execute("ALTER TABLE \(partition.name) ADD CONSTRAINT closed CHECK (false) NOT VALID")
                }
            }
        }
        return expired.map(\.months.lowerBound)
    }

    func nextDevice(in month: LogMonth, after device: Int64) throws -> ExpiredBatches? {
        let table = "batch_\(month)"
        // Each query is one access to an index, however many batches the month has.
        guard let next = try row("SELECT device, id FROM \(table) WHERE device > ? ORDER BY device, id LIMIT 1", device) else { return nil }
        let found = next.integer(0)
        var expired = ExpiredBatches(device: found, lastBatch: try integer("SELECT MAX(id) FROM \(table) WHERE device = ?", found) ?? 0)
        var below: Int64?
        while let row = try row(
            "SELECT epoch, last FROM \(table) WHERE device = ?1\(below == nil ? "" : " AND epoch < ?2") ORDER BY epoch DESC, first DESC LIMIT 1",
            [.integer(found)] + (below.map { [.integer($0)] } ?? []))
        {
            below = row.integer(0)
            expired.lastSequences[row.integer(0)] = row.integer(1)
        }
        return expired
    }

    func drop(_ month: LogMonth) throws {
        try transactionOnce(.durable) {
            try withConnection { connection in
                try connection.execute(PostgresDatabase.lockTimeout)
                // Not DETACH … CONCURRENTLY, which PostgreSQL does not support beside a default partition.
                // The batch with the highest id stays: in a copy of the archive, new batches get ids after the highest id.
                try connection.execute(
                    """
                    ALTER TABLE batch DETACH PARTITION batch_\(month);
                    INSERT INTO batch SELECT * FROM batch_\(month) WHERE (device, id) IN (
                        SELECT device, last_batch FROM device_log ORDER BY last_batch DESC LIMIT 1);
                    DROP TABLE batch_\(month)
                    """)
                try connection.execute("UPDATE log_month SET bytes = 0 WHERE month = \(month.number)")
            }
        }
    }

    /// PostgreSQL deletes the files of dropped tables at once.
    func releaseFreeSpace() throws -> Bool { false }

    private func row(_ sql: String, _ values: [DatabaseValue]) throws -> Row? { try rows(sql, values).first }
}
