internal import Measures
internal import Postgres
internal import Runtime

/// A table in PostgreSQL that is partitioned by months or years, with a default partition for rows outside of all of them.
struct TimePartitions {
    struct Partition: Sendable, Equatable {
        let name: String
        let months: Range<LogMonth>
    }

    let table: String
    let column: String  // a time in milliseconds since 1970
    private let isYearly: Bool

    /// The log, by the month of arrival.
    static let batches = TimePartitions(table: "batch", column: "received_at_ms", isYearly: false)
    /// Observations, by year.
    static let observations = TimePartitions(table: "observation_bin", column: "valid_at_ms", isYearly: true)

    static let all = [batches, observations]

    /// The times of a span that a right clock can have given; `nil` if there are none. Rows with other times get no partition of their own.
    static func plausible(_ first: Instant, _ last: Instant) -> ClosedRange<Instant>? {
        let (first, last) = (max(first, ClockDiscipline.earliest), min(last, WallClock.now + .seconds(86_400)))
        return first <= last ? first...last : nil
    }

    /// The most partitions for one span. Rows after the last of them go to the default partition.
    private static let limit = 240

    /// The partitions for all times of a span.
    func partitions(for span: ClosedRange<Instant>) -> [Partition] {
        var partitions: [Partition] = []
        var month = LogMonth(of: span.lowerBound)
        if isYearly { month = LogMonth(number: month.year * 12) }
        while month.start <= span.upperBound, partitions.count < TimePartitions.limit {
            let next = LogMonth(number: month.number + (isYearly ? 12 : 1))
            partitions.append(Partition(name: "\(table)_\(isYearly ? "\(month.year)" : "\(month)")", months: month..<next))
            month = next
        }
        return partitions
    }

    /// The names of the partitions that exist.
    func existing(_ connection: PostgresConnection) throws -> Set<String> {
        let rows = try connection.query(
            "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = '\(table)'::regclass")
        var names: Set<String> = []
        for row in 0..<rows.count { names.insert(try rows.text(row, 0)) }
        return names
    }

    /// Creates the partitions for a span that do not exist. Call inside a transaction.
    func createMissing(for span: ClosedRange<Instant>?, _ connection: PostgresConnection) throws {
        guard let span else { return }
        let existing = try existing(connection)
        for partition in partitions(for: span) where !existing.contains(partition.name) { try create(partition, connection) }
    }

    /// Creates a partition, and moves rows that arrived before it existed out of the default partition. Call inside a transaction.
    private func create(_ partition: Partition, _ connection: PostgresConnection) throws {
        let (first, end) = (partition.months.lowerBound.start.ms, partition.months.upperBound.start.ms)
        // ATTACH instead of PARTITION OF: ATTACH does not block queries on the other partitions.
        try connection.execute(
            """
            LOCK TABLE \(table)_other IN ACCESS EXCLUSIVE MODE;  -- otherwise a row of a running transaction would be overlooked, and ATTACH fail
            CREATE TABLE \(partition.name) (LIKE \(table) INCLUDING DEFAULTS);
            WITH moved AS (DELETE FROM \(table)_other WHERE \(column) >= \(first) AND \(column) < \(end) RETURNING *)
                INSERT INTO \(partition.name) SELECT * FROM moved;
            ALTER TABLE \(table) ATTACH PARTITION \(partition.name) FOR VALUES FROM (\(first)) TO (\(end));
            """)
    }
}
