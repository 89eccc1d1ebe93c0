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
        // to_regclass is not used: it reads a cache that may not have the tables that another transaction has just committed.
        let tables = try connection.query("SELECT 1 FROM pg_class WHERE relname = 'archive_version' AND pg_table_is_visible(oid)")
        guard tables.count > 0 else { return nil }
        let version = try connection.query("SELECT version FROM archive_version")
        return version.count == 1 ? try version.integer(0, 0) : nil
    }

    /// Creates the schema, or migrates it to the newest version. If two replicas start at once, the second replica waits until the
    /// first replica has migrated, and then finds the newest version.
    private func migrate(_ connection: PostgresConnection) throws {
        try connection.transaction {
            try connection.execute(PostgresDatabase.lockSchema)
            let version = try schemaVersion(connection)
            if version == nil {
                try connection.execute(PostgresSchema.version7)
                try connection.execute("INSERT INTO archive_version VALUES (\(PostgresSchema.firstVersion))")
            }
            let from = version ?? PostgresSchema.firstVersion
            if from < 8 { try migrateToVersion8(connection) }
            if from < 9 { try migrateToVersion9(connection) }
            if from < 10 { try connection.execute(RolloutSchema.version10(.postgres)) }
            if from < 11 { try connection.execute(RolloutSchema.version11 + KeySchema.version11) }
            if from < 12 { try connection.execute(AccessSchema.version12(.postgres)) }
            if from < 13 { try connection.execute(FleetSchema.version13(.postgres)) }
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

    private func migrateToVersion9(_ connection: PostgresConnection) throws {
        try connection.execute(ModelSchema.version9(.postgres))
        // These tables were copied with their ids, which does not advance the sequences of their identities.
        for table in ["run", "alias_history"] {
            _ = try connection.query(
                "SELECT setval(pg_get_serial_sequence('\(table)', 'id'), (SELECT COALESCE(MAX(id), 0) + 1 FROM \(table)), false)")
        }
    }

    /// SQL that takes a lock. Every transaction that creates or changes tables takes this lock first. The key of the lock contains the schema,
    /// because a database may contain several archives, each in its own schema.
    static let lockSchema = "SELECT pg_advisory_xact_lock(hashtextextended('vaho tables ' || current_schema(), 0))"
}
