internal import Measures
internal import Postgres
internal import Runtime

/// Creates partitions of the log and of the observations before they are needed, and drops the partitions of expired months of the log.
extension PostgresDatabase {
    /// SQL: a change of partitions waits at most this long for the locks of other transactions. During this time, the ingest waits, too.
    private static let lockTimeout = "SET LOCAL lock_timeout = '500ms'"

    func preparePartitions(for span: ClosedRange<Instant>) throws {
        for table in TimePartitions.all { try preparePartitions(of: table, for: span) }
    }

    func preparePartitions(of table: String, _ first: Instant, _ last: Instant) throws {
        guard let table = TimePartitions.all.first(where: { $0.table == table }) else { return }
        try preparePartitions(of: table, for: TimePartitions.plausible(first, last))
    }

    private func preparePartitions(of table: TimePartitions, for span: ClosedRange<Instant>?) throws {
        guard let span else { return }
        let existing = try withConnection { try table.existing($0) }
        guard !table.partitions(for: span).allSatisfy({ existing.contains($0.name) }) else { return }
        try changePartitions { try table.createMissing(for: span, $0) }
    }

    private func changePartitions(_ body: (PostgresConnection) throws -> Void) throws {
        try transactionOnce(.durable) {
            try withConnection { connection in
                try connection.execute(PostgresDatabase.lockSchema)
                try connection.execute(PostgresDatabase.lockTimeout)
                try body(connection)
            }
        }
    }

    /// PostgreSQL deletes the files of dropped tables at once.
    func releaseFreeSpace() throws -> Bool { false }

    var monthlyLog: (any MonthlyLog)? { self }
}

extension PostgresDatabase: MonthlyLog {
    /// Adds a constraint to each expired month, so that a server with a wrong clock cannot add a batch to the month.
    func closeMonths(before cutoff: Instant) throws -> [LogMonth] {
        guard cutoff > ClockDiscipline.earliest else { return [] }
        let existing = try withConnection { try TimePartitions.batches.existing($0) }
        let all = TimePartitions.batches.partitions(for: ClockDiscipline.earliest...cutoff)
        let expired = all.filter { existing.contains($0.name) && $0.months.upperBound.start <= cutoff }
        for partition in expired {
            try changePartitions { connection in
                let closed = try connection.query("SELECT 1 FROM pg_constraint WHERE conrelid = '\(partition.name)'::regclass AND conname = 'closed'")
                guard closed.count == 0 else { return }
                try connection.execute("ALTER TABLE \(partition.name) ADD CONSTRAINT closed CHECK (false) NOT VALID")
            }
        }
        return expired.map(\.months.lowerBound)
    }

    func nextDevice(in month: LogMonth, after device: Int64) throws -> ExpiredBatches? {
        let table = "batch_\(month)"
        // Each query reads one entry of an index. The cost does not depend on the number of batches in the month.
        guard let found = try integer("SELECT MIN(device) FROM \(table) WHERE device > ?", device) else { return nil }
        var expired = ExpiredBatches(device: found, lastBatch: try integer("SELECT MAX(id) FROM \(table) WHERE device = ?", found) ?? 0)
        let last = "SELECT epoch, last FROM \(table) WHERE device = ? AND epoch <= ? ORDER BY epoch DESC, first DESC LIMIT 1"
        var below = Int64.max
        while let row = try row(last, found, below) {
            expired.lastSequences[row.integer(0)] = row.integer(1)
            guard row.integer(0) > .min else { break }
            below = row.integer(0) - 1
        }
        return expired
    }

    func drop(_ month: LogMonth) throws {
        try changePartitions { connection in
            // DETACH … CONCURRENTLY is not possible: PostgreSQL does not support this command for a table with a default partition.
            // The batch with the highest id is kept: a copy of the archive continues its ids after the highest stored id.
            try connection.execute(
                """
                ALTER TABLE batch DETACH PARTITION batch_\(month);
                INSERT INTO batch SELECT * FROM batch_\(month) WHERE (device, id) IN (
                    SELECT device, last_batch FROM device_log ORDER BY last_batch DESC LIMIT 1);
                DROP TABLE batch_\(month);
                UPDATE log_month SET bytes = 0 WHERE month = \(month.number)
                """)
        }
    }
}
