internal import Postgres

/// A claim by an advisory lock of PostgreSQL, on a connection of its own. The server releases the lock when the connection ends.
final class SessionClaim: WorkClaim {
    private let connection: PostgresConnection

    /// - Returns: `nil` while another connection has the claim.
    init?(_ address: PostgresAddress, _ work: ExclusiveWork, isShared: Bool) throws(PostgresError) {
        connection = try PostgresConnection(address.text, name: "vaho-cloud \(work.rawValue)")
        // If the program's host disappears, the server notices after 6 s and not after two hours. A local socket needs no such check.
        try connection.execute("SET tcp_keepalives_idle = 2; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 2")
        // Two archives in one database have different claims: the key contains the schema.
        let locked = try connection.query(
            "SELECT pg_try_advisory_lock\(isShared ? "_shared" : "")(hashtextextended('vaho ' || current_schema() || ' ' || $1, 0))",
            [.text(work.rawValue)])
        guard try locked.integer(0, 0) == 1 else { return nil }
    }

    func isHeld() -> Bool {
        do { return try connection.query("SELECT 1").count == 1 } catch { return false }
    }
}
