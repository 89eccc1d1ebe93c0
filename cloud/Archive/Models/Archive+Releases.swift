package import Measures
package import Releases
internal import Signing
internal import Text
package import Wire

/// The registry: immutable releases, and aliases that select the releases that devices get. The history of the aliases only grows.
extension Archive {
    package struct StoredRelease: Sendable {
        package let name: ReleaseReference
        package let modelID: String
        package let createdAt: Instant
        package let snapshot: String
        package let parent: String
        package let backtest: String
        package let run: Int64?
        let mirror: Int64  // above 0: to be copied to MLflow; rises with each change
        package let aliases: [String]
    }

    package func release(of alias: ReleaseAlias) throws -> ReleaseReference? {
        try database.row("SELECT r.counter, r.sha256 FROM alias a JOIN release r ON r.counter = a.counter WHERE a.name = ?", alias.name)
            .flatMap { Archive.reference($0) }
    }

    static func reference(_ row: Row, at column: Int = 0) -> ReleaseReference? {
        guard let sha256 = Hexadecimal.bytes(row.text(column + 1)) else { return nil }
        return ReleaseReference(counter: UInt64(bitPattern: row.integer(column)), sha256: sha256)
    }

    /// Releases, newest first.
    /// - Parameter counter: only releases with a smaller counter; `nil` from the newest.
    package func releases(before counter: UInt64? = nil, limit: Int) throws -> [StoredRelease] {
        try releases(
            "WHERE counter < ? ORDER BY counter DESC LIMIT ?", [.integer(counter.map(Int64.init(bitPattern:)) ?? .max), .integer(Int64(limit))])
    }

    package func release(counter: UInt64) throws -> StoredRelease? {
        try releases("WHERE counter = ?", [.integer(Int64(bitPattern: counter))]).first
    }

    package func release(sha256: String) throws -> ReleaseReference? {
        try database.row("SELECT counter, sha256 FROM release WHERE sha256 = ?", sha256).flatMap { Archive.reference($0) }
    }

    private func releases(_ condition: String, _ values: [DatabaseValue]) throws -> [StoredRelease] {
        var aliases: [Int64: [String]] = [:]
        for row in try database.rows("SELECT counter, name FROM alias ORDER BY name") { aliases[row.integer(0), default: []].append(row.text(1)) }
        let rows = try database.rows(
            "SELECT counter, sha256, model_id, created_at_ms, snapshot, parent, backtest, run, mirror FROM release \(condition)", values)
        return rows.map { row in
            StoredRelease(
                name: ReleaseReference(counter: UInt64(bitPattern: row.integer(0)), sha256: Hexadecimal.bytes(row.text(1)) ?? []),
                modelID: row.text(2), createdAt: Instant(ms: row.integer(3)), snapshot: row.text(4), parent: row.text(5),
                backtest: row.text(6), run: row.optionalInteger(7), mirror: row.integer(8), aliases: aliases[row.integer(0)] ?? [])
        }
    }

    /// The counters of a release and of the releases that are the same network signed again.
    /// - Parameter counter: `nil`: the shipped release, whose counter is 0 on the devices.
    package func countersWithSameNetwork(as counter: UInt64?) throws -> Set<UInt64> {
        guard let counter else { return [0] }
        let rows = try database.rows(
            """
            SELECT r.counter FROM release r JOIN release o ON o.model_id = r.model_id AND o.snapshot = r.snapshot AND o.parent = r.parent
                AND o.backtest = r.backtest WHERE o.counter = ?
            """, Int64(bitPattern: counter))
        return Set(rows.map { UInt64(bitPattern: $0.integer(0)) })
    }

    package func releaseBytes(counter: UInt64) throws -> [UInt8]? {
        try database.row("SELECT body FROM release WHERE counter = ?", Int64(bitPattern: counter)).map { $0.bytes(0) }
    }

    /// The next release that is not copied to MLflow yet.
    /// - Parameter counter: the counter of the release must be larger.
    package func releaseToMirror(after counter: UInt64) throws -> StoredRelease? {
        try releases("WHERE mirror > 0 AND counter > ? ORDER BY counter LIMIT 1", [.integer(Int64(bitPattern: counter))]).first
    }

    /// Marks a release as copied to MLflow, unless an alias of the release has changed since the release was read.
    package func markMirrored(_ release: StoredRelease) throws {
        try database.run(
            "UPDATE release SET mirror = 0 WHERE counter = ? AND mirror = ?", Int64(bitPattern: release.name.counter), release.mirror)
    }

    /// A counter larger than every counter so far. At least the Unix time in seconds, so that it is also larger than the counters of a lost archive.
    package func nextCounter(now: Instant) throws -> UInt64 {
        max(try newestCounter() + 1, UInt64(max(0, now.ms / 1_000)))
    }

    /// Stores a signed release. A release with a name that exists already is not stored again.
    /// - Parameter run: the run that has made the release.
    package func register(_ bytes: [UInt8], header: ReleaseHeader, run: Int64? = nil) throws -> ReleaseReference {
        let name = ReleaseReference(counter: header.counter, sha256: SHA256.digest(bytes))
        try database.run(
            """
            INSERT INTO release (counter, sha256, model_id, created_at_ms, snapshot, parent, backtest, body, run, mirror)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT (sha256) DO NOTHING
            """, Int64(bitPattern: header.counter), Hexadecimal.text(name.sha256), header.modelID, header.createdAt.ms,
            header.provenance.snapshot, header.provenance.parent, header.provenance.backtest, bytes, run)
        return name
    }

    /// Stores a release that was made elsewhere. Call it in `changeAliases`.
    package func importRelease(_ bytes: [UInt8], header: ReleaseHeader, by attribution: Attribution, now: Instant) throws -> ReleaseReference {
        let name = try register(bytes, header: header)
        try recordAudit("release imported", of: "release \(name.counter)", by: attribution, now: now)
        return name
    }

    /// Points an alias at a release, or removes the alias, in a transaction of its own.
    package func setAlias(_ alias: ReleaseAlias, to counter: UInt64?, by attribution: Attribution, now: Instant) throws {
        try changeAliases { archive in try archive.setAliasInTransaction(alias, to: counter, by: attribution, now: now) }
    }

    /// Makes changes in one transaction, while no other program changes aliases.
    package func changeAliases<Result: Sendable>(_ changes: @Sendable (isolated Archive) throws -> Result) throws -> Result {
        try database.transaction {
            try database.lockAliases()
            return try changes(self)
        }
    }

    /// Keeps other programs from changing aliases until the transaction of a step ends: call it before the step reads aliases.
    package func lockAliases() throws { try database.lockAliases() }

    /// The highest counter of all releases; 0 without releases.
    package func newestCounter() throws -> UInt64 { UInt64(bitPattern: try database.integer("SELECT MAX(counter) FROM release") ?? 0) }

    /// Points an alias at a release, or removes the alias, in the transaction of a step. Nothing changes, and the history gets no entry, if the alias
    /// has this value already.
    /// - Parameter counter: of a stored release; `nil` removes the alias.
    package func setAliasInTransaction(_ alias: ReleaseAlias, to counter: UInt64?, by attribution: Attribution, now: Instant) throws {
        let stored = counter.map { Int64(bitPattern: $0) }
        guard try database.integer("SELECT counter FROM alias WHERE name = ?", alias.name) != stored else { return }
        if let stored {
            try database.run("INSERT INTO alias VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET counter = excluded.counter", alias.name, stored)
        } else {
            try database.run("DELETE FROM alias WHERE name = ?", alias.name)
        }
        try database.run(
            "INSERT INTO alias_history (at_ms, name, counter, author, reason) VALUES (?, ?, ?, ?, ?)", now.ms, alias.name, stored, attribution.author,
            attribution.reason)
        try recordAudit(
            counter == nil ? "alias removed" : "release assigned", of: alias.name, counter.map { "release \($0)" } ?? "", by: attribution, now: now)
        if let stored { try database.run("UPDATE release SET mirror = mirror + 1 WHERE counter = ?", stored) }
    }
}
