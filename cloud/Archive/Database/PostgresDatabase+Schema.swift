internal import Measures
internal import Postgres
internal import Runtime

/// Creates the tables, and migrates them to the newest version.
extension PostgresDatabase {
    func prepareSchema(_ connection: PostgresConnection) throws {
        let version = try schemaVersion(connection)
        if version == nil, access != .createIfMissing { throw ArchiveFault.noArchive(path: address.description) }
        let mayMigrate = access != .readOnly && version ?? 0 < ArchiveSchema.version
        guard version == ArchiveSchema.version || mayMigrate else {
            throw ArchiveFault.unsupportedSchema(version ?? 0, path: address.description)
        }
        if version != ArchiveSchema.version { try migrate(connection) }
    }

    private func schemaVersion(_ connection: PostgresConnection) throws -> Int64? {
        // Not to_regclass: it may answer from a cache that does not know yet what another transaction has committed.
        let tables = try connection.query("SELECT 1 FROM pg_class WHERE relname = 'archive_version' AND pg_table_is_visible(oid)")
        guard tables.count > 0 else { return nil }
        let version = try connection.query("SELECT version FROM archive_version")
        return version.count == 1 ? try version.integer(0, 0) : nil
    }

    /// Creates the schema, or migrates it to the newest version. Two replicas may start at once: the second waits for the first, then finds the newest
    /// version.
    private func migrate(_ connection: PostgresConnection) throws {
        try connection.transaction {
            try connection.execute(PostgresDatabase.lockSchema)
            let version = try schemaVersion(connection)
            if version == nil {
                try connection.execute(PostgresSchema.version7)
                try connection.execute("INSERT INTO archive_version VALUES (\(PostgresSchema.firstVersion))")
            }
            guard version ?? PostgresSchema.firstVersion < ArchiveSchema.version else { return }
            try migrateToVersion8(connection)
            try connection.execute("UPDATE archive_version SET version = \(ArchiveSchema.version)")
        }
    }

    private func migrateToVersion8(_ connection: PostgresConnection) throws {
        try connection.execute(PostgresSchema.version8)
        for table in TimePartitions.all {
            let span = try connection.query("SELECT MIN(\(table.column)), MAX(\(table.column)) FROM old_\(table.table)")
            let stored = TimePartitions.plausible(Instant(ms: try span.integer(0, 0)), Instant(ms: try span.integer(0, 1)))
            // Batches may arrive before the first run of retention creates partitions. So the current partition must exist already.
            let current = TimePartitions.plausible(WallClock.now, WallClock.now)
            for span in [stored, current] { try table.createMissing(for: span, connection) }
        }
        try connection.execute(PostgresSchema.version8Rows)
        _ = try connection.query("SELECT setval(pg_get_serial_sequence('batch', 'id'), (SELECT COALESCE(MAX(id), 0) + 1 FROM batch), false)")
    }

    /// Takes the lock under which tables are created and changed. A database may contain an archive in each of several schemas.
    static let lockSchema = "SELECT pg_advisory_xact_lock(hashtextextended('vaho tables ' || current_schema(), 0))"
}
