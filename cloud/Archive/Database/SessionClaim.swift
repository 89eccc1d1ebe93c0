internal import Postgres

/// A claim that is an advisory lock in PostgreSQL. The lock has its own connection, and the server releases the lock when this connection ends.
final class SessionClaim: WorkClaim {
    private let connection: PostgresConnection

    /// - Returns: `nil` if another connection has the lock.
    init?(_ address: PostgresAddress, _ work: ExclusiveWork, isShared: Bool) throws(PostgresError) {
        connection = try PostgresConnection(address.text, name: "vaho-cloud \(work.rawValue)")
        // If this host loses its network, the server ends the connection after 6 s. By default the server waits two hours before it ends the connection.
        try connection.execute("SET tcp_keepalives_idle = 2; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 2")
        // The key contains the name of the schema, because a database may contain an archive in each of several schemas.
        let locked = try connection.query(
            "SELECT pg_try_advisory_lock\(isShared ? "_shared" : "")(hashtextextended('vaho ' || current_schema() || ' ' || $1, 0))",
            [.text(work.rawValue)])
        guard try locked.integer(0, 0) == 1 else { return nil }
    }

    func isHeld() -> Bool {
        do { return try connection.query("SELECT 1").count == 1 } catch { return false }
    }
}
