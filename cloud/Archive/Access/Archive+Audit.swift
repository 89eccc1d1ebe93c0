package import Measures

/// The log of all changes: who has changed what, from where, and why.
extension Archive {
    package struct AuditEntry: Sendable, Equatable {
        package let id: Int64
        package let at: Instant
        package let author: String
        package let origin: String  // the client's address, or `command on HOST`; empty for a change by a rule of the server
        package let action: String  // such as `device revoked`
        package let subject: String
        package let detail: String
        package let reason: String
    }

    private static let auditLimit: Int64 = 1_000_000

    /// Records a change in the transaction of the change.
    func recordAudit(_ action: String, of subject: String, _ detail: String = "", by attribution: Attribution, now: Instant) throws {
        let id = try database.integer(
            "INSERT INTO audit (at_ms, author, origin, action, subject, detail, reason) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id", now.ms,
            attribution.author, attribution.origin, action, subject, detail, attribution.reason)
        if let id, id > Archive.auditLimit { try database.run("DELETE FROM audit WHERE id <= ?", id - Archive.auditLimit) }
    }

    /// Records that a file was imported; its readings are stored by `ingest`.
    package func recordImport(_ sensor: String, _ detail: String, by attribution: Attribution, now: Instant) throws {
        try database.transaction { try recordAudit("file imported", of: sensor, detail, by: attribution, now: now) }
    }

    /// Entries, newest first.
    /// - Parameters:
    ///   - id: only entries with a lower id.
    ///   - text: only entries whose author, action or subject contains this text.
    package func audit(before id: Int64? = nil, containing text: String = "", limit: Int) throws -> [AuditEntry] {
        let pattern = "%" + text.lowercased().replacing("\\", with: "\\\\").replacing("%", with: "\\%").replacing("_", with: "\\_") + "%"
        return try database.rows(
            """
            SELECT id, at_ms, author, origin, action, subject, detail, reason FROM audit
            WHERE id < ?1 AND (?2 = '%%' OR LOWER(author) LIKE ?2 ESCAPE '\\' OR action LIKE ?2 ESCAPE '\\' OR LOWER(subject) LIKE ?2 ESCAPE '\\')
            ORDER BY id DESC LIMIT ?3
            """, id ?? .max, pattern, limit
        ).map { row in
            AuditEntry(
                id: row.integer(0), at: Instant(ms: row.integer(1)), author: row.text(2), origin: row.text(3), action: row.text(4),
                subject: row.text(5), detail: row.text(6), reason: row.text(7))
        }
    }
}
