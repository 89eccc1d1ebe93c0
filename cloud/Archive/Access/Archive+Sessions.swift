package import Access
package import Measures

/// Sessions of people in browsers. Only hashes of their tokens are stored.
extension Archive {
    /// A session ends this long after its last use, and this long after signing in.
    package static let sessionIdleTime: Duration = .seconds(7 * 86_400)
    package static let sessionLifetime: Duration = .seconds(30 * 86_400)
    private static let sessionsPerPerson = 20  // the least recently used one ends when another begins

    /// Signs a person in.
    /// - Parameter previous: the token of the browser's previous session, which this call ends.
    /// - Returns: the token of the new session; `nil` if the person was removed or has another password by now.
    package func startSession(of person: Person, replacing previous: String?, by attribution: Attribution, now: Instant) throws -> String? {
        let token = try SecureToken.make()
        return try database.transaction {
            // The password was checked before this transaction, and its check takes a while.
            let stored = try database.row("SELECT password FROM person WHERE id = ?\(database.rowLock)", person.id)?.text(0)
            guard stored == person.password.text else { return nil }
            if let previous { try database.run("DELETE FROM session WHERE sha256 = ?", Archive.hash(previous)) }
            try database.run(
                "DELETE FROM session WHERE used_at_ms < ? OR created_at_ms < ?", (now - Archive.sessionIdleTime).ms,
                (now - Archive.sessionLifetime).ms)
            try database.run(
                """
                DELETE FROM session WHERE person = ?1 AND sha256 NOT IN
                    (SELECT sha256 FROM session WHERE person = ?1 ORDER BY used_at_ms DESC LIMIT \(Archive.sessionsPerPerson - 1))
                """, person.id)
            try database.run(
                "INSERT INTO session (sha256, person, created_at_ms, used_at_ms, address) VALUES (?, ?, ?, ?, ?)", Archive.hash(token), person.id,
                now.ms, now.ms, attribution.origin)
            try recordAudit("signed in", of: person.name, by: attribution, now: now)
            try incrementAccessVersion()
            return token
        }
    }

    package func endSession(_ token: String, by attribution: Attribution, now: Instant) throws {
        try database.transaction {
            guard try database.run("DELETE FROM session WHERE sha256 = ?", Archive.hash(token)) > 0 else { return }
            try recordAudit("signed out", of: attribution.author, by: attribution, now: now)
            try incrementAccessVersion()
        }
    }

    package struct Session: Sendable, Equatable {
        package let name: String
        package let role: Role
        package let usedAt: Instant
        package let endsAt: Instant
    }

    /// The session of a token that has not ended.
    package func session(_ token: String, now: Instant) throws -> Session? {
        let row = try database.row(
            """
            SELECT p.name, p.role, s.used_at_ms, s.created_at_ms FROM session s JOIN person p ON p.id = s.person
            WHERE s.sha256 = ? AND s.used_at_ms > ? AND s.created_at_ms > ?
            """, Archive.hash(token), (now - Archive.sessionIdleTime).ms, (now - Archive.sessionLifetime).ms)
        guard let row, let role = Role(rawValue: row.text(1)) else { return nil }
        return Session(
            name: row.text(0), role: role, usedAt: Instant(ms: row.integer(2)),
            endsAt: min(Instant(ms: row.integer(2)) + Archive.sessionIdleTime, Instant(ms: row.integer(3)) + Archive.sessionLifetime))
    }

    package func markSessionUsed(_ token: String, now: Instant) throws {
        try database.run("UPDATE session SET used_at_ms = ? WHERE sha256 = ?", now.ms, Archive.hash(token))
    }
}
