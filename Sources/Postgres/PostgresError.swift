/// A failed call of PostgreSQL: the SQLSTATE, the server's or libpq's message, the statement.
package struct PostgresError: Error, Equatable, CustomStringConvertible {
    package let state: String  // SQLSTATE, five characters; empty if libpq refused the call before sending it
    package let message: String
    package let sql: String

    package static let notConnected = "08001"
    package static let connectionLost = "08006"

    package init(state: String, message: String, sql: String = "") {
        (self.state, self.message, self.sql) = (state, message, sql)
    }

    package var description: String {
        "\(state.isEmpty ? "libpq" : "postgres \(state)"): \(message)" + (sql.isEmpty ? "" : " in «\(sql)»")
    }

    /// Whether a new connection is needed: the server or the network ended this one.
    package var needsReconnect: Bool { state.hasPrefix("08") || ["57P01", "57P02", "57P03"].contains(state) || isReadOnly }

    /// The server accepts no writes: a former primary after a failover, or a standby.
    package var isReadOnly: Bool { state == "25006" }

    /// The disk of the server is full or fails, or the server is out of memory or connections.
    package var isOutOfResources: Bool { state.hasPrefix("53") || state.hasPrefix("58") }

    /// Two transactions have blocked each other, or a serializable transaction must run again.
    package var isConflict: Bool { ["40001", "40P01", "55P03"].contains(state) }

    /// Whether the same transaction may succeed later: see Appendix A of the manual, "PostgreSQL Error Codes".
    package var isRetryable: Bool { needsReconnect || isOutOfResources || isConflict || state.hasPrefix("57") }
}
