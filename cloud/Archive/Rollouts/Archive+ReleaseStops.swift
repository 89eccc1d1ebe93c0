package import Measures

/// The emergency stop, and releases that are blocked.
extension Archive {
    package struct ReleaseStop: Sendable, Equatable {
        package let at: Instant
        package let author: String
        package let reason: String
    }

    /// The emergency stop that is on; `nil` without one.
    package func releaseStop() throws -> ReleaseStop? {
        try database.row("SELECT at_ms, author, reason FROM release_stop WHERE ended_at_ms IS NULL").map {
            ReleaseStop(at: Instant(ms: $0.integer(0)), author: $0.text(1), reason: $0.text(2))
        }
    }

    /// - Returns: `false` if a stop is on already.
    package func stopReleases(by attribution: Attribution, now: Instant) throws -> Bool {
        try database.transaction {
            let added = try database.run(
                "INSERT INTO release_stop (at_ms, author, reason) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", now.ms, attribution.author,
                attribution.reason)
            if added > 0 { try recordAudit("emergency stop on", of: "all devices", by: attribution, now: now) }
            return added > 0
        }
    }

    /// - Returns: `false` if no stop is on.
    package func endReleaseStop(by attribution: Attribution, now: Instant) throws -> Bool {
        try database.transaction {
            let ended = try database.run(
                "UPDATE release_stop SET ended_at_ms = ?, ended_by = ? WHERE ended_at_ms IS NULL", now.ms, attribution.author)
            if ended > 0 { try recordAudit("emergency stop off", of: "all devices", by: attribution, now: now) }
            return ended > 0
        }
    }

    package struct ReleaseBlock: Sendable, Equatable {
        package let counter: UInt64
        package let at: Instant
        package let author: String
        package let reason: String
    }

    package func releaseBlock(of counter: UInt64) throws -> ReleaseBlock? {
        try releaseBlocks("WHERE counter = ?", [.integer(Int64(bitPattern: counter))]).first
    }
    package func releaseBlocks() throws -> [ReleaseBlock] { try releaseBlocks("ORDER BY counter", []) }

    private func releaseBlocks(_ condition: String, _ values: [DatabaseValue]) throws -> [ReleaseBlock] {
        try database.rows("SELECT counter, at_ms, author, reason FROM release_block \(condition)", values).map {
            ReleaseBlock(counter: UInt64(bitPattern: $0.integer(0)), at: Instant(ms: $0.integer(1)), author: $0.text(2), reason: $0.text(3))
        }
    }

    /// Blocks a release, in a transaction of its own.
    package func blockRelease(_ counter: UInt64, by attribution: Attribution, now: Instant) throws {
        try database.transaction { try blockReleaseInTransaction(counter, by: attribution, now: now) }
    }

    package func blockReleaseInTransaction(_ counter: UInt64, by attribution: Attribution, now: Instant) throws {
        let added = try database.run(
            "INSERT INTO release_block (counter, at_ms, author, reason) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", Int64(bitPattern: counter),
            now.ms, attribution.author, attribution.reason)
        if added > 0 { try recordAudit("release blocked", of: "release \(counter)", by: attribution, now: now) }
    }

    /// - Returns: `false` if the release was not blocked.
    package func unblockRelease(_ counter: UInt64, by attribution: Attribution, now: Instant) throws -> Bool {
        try database.transaction {
            let removed = try database.run("DELETE FROM release_block WHERE counter = ?", Int64(bitPattern: counter))
            if removed > 0 { try recordAudit("release allowed again", of: "release \(counter)", by: attribution, now: now) }
            return removed > 0
        }
    }
}
