package import Measures
package import Releases
internal import Signing
internal import Text
package import Wire

/// Releases are immutable. An alias selects the release that is served; the history of the aliases is append-only.
extension Archive {
    package static let championAlias = "champion"

    package struct StoredRelease: Sendable {
        package let name: ReleaseReference
        package let modelID: String
        package let createdAt: Instant
        package let snapshot: String
        package let parent: String
        package let backtest: String
        package let aliases: [String]
    }

    package func releaseName(alias: String) throws -> ReleaseReference? {
        guard let row = try database.row("SELECT r.counter, r.sha256 FROM alias a JOIN release r ON r.counter = a.counter WHERE a.name = ?", alias),
            let sha256 = Hexadecimal.bytes(row.text(1))
        else { return nil }
        return ReleaseReference(counter: UInt64(bitPattern: row.integer(0)), sha256: sha256)
    }

    package func releases() throws -> [StoredRelease] { try releases("", nil) }

    package func release(counter: UInt64) throws -> StoredRelease? { try releases("WHERE counter = ?", Int64(bitPattern: counter)).first }

    private func releases(_ condition: String, _ counter: Int64?) throws -> [StoredRelease] {
        var aliases: [Int64: [String]] = [:]
        for row in try database.rows("SELECT counter, name FROM alias ORDER BY name") { aliases[row.integer(0), default: []].append(row.text(1)) }
        let rows = try database.rows(
            "SELECT counter, sha256, model_id, created_at_ms, snapshot, parent, backtest FROM release \(condition) ORDER BY counter",
            counter.map { [.integer($0)] } ?? [])
        return rows.map { row in
            StoredRelease(
                name: ReleaseReference(counter: UInt64(bitPattern: row.integer(0)), sha256: Hexadecimal.bytes(row.text(1)) ?? []),
                modelID: row.text(2), createdAt: Instant(ms: row.integer(3)), snapshot: row.text(4), parent: row.text(5),
                backtest: row.text(6), aliases: aliases[row.integer(0)] ?? [])
        }
    }

    package func releaseBytes(counter: UInt64) throws -> [UInt8]? {
        try database.row("SELECT body FROM release WHERE counter = ?", Int64(bitPattern: counter)).map { $0.bytes(0) }
    }

    /// Registers a release and points the champion's alias at it, in one transaction.
    package func promote(_ bytes: [UInt8], header: ReleaseHeader, reason: String, now: Instant) throws -> ReleaseReference {
        let name = ReleaseReference(counter: header.counter, sha256: SHA256.digest(bytes))
        try database.transaction {
            try database.run(
                "INSERT INTO release VALUES (?, ?, ?, ?, ?, ?, ?, ?)", Int64(bitPattern: header.counter), Hexadecimal.text(name.sha256),
                header.modelID, header.createdAt.ms, header.provenance.snapshot, header.provenance.parent, header.provenance.backtest, bytes)
            try database.run(
                "INSERT INTO alias VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET counter = excluded.counter", Archive.championAlias,
                Int64(bitPattern: header.counter))
            try database.run(
                "INSERT INTO alias_history (at_ms, name, counter, reason) VALUES (?, ?, ?, ?)", now.ms, Archive.championAlias,
                Int64(bitPattern: header.counter), reason)
        }
        return name
    }

    /// A counter larger than every counter so far. At least the Unix time in seconds, so that it is also larger than the counters of a lost archive.
    package func nextCounter(now: Instant) throws -> UInt64 {
        let highest = try database.integer("SELECT MAX(counter) FROM release") ?? 0
        return UInt64(max(highest + 1, now.ms / 1_000))
    }

    // MARK: runs

    package struct Run: Sendable {
        package var startedAt: Instant
        package var endedAt: Instant
        package var cause: String
        package var snapshot: String
        package var deviceDays: Double
        package var outcome: String
        package var detail: String
        package var release: UInt64?

        package init(
            startedAt: Instant, endedAt: Instant, cause: String, snapshot: String, deviceDays: Double, outcome: String, detail: String,
            release: UInt64?
        ) {
            self.startedAt = startedAt
            self.endedAt = endedAt
            self.cause = cause
            self.snapshot = snapshot
            self.deviceDays = deviceDays
            self.outcome = outcome
            self.detail = detail
            self.release = release
        }
    }

    package func record(_ run: Run) throws {
        try database.run(
            "INSERT INTO run (started_at_ms, ended_at_ms, cause, snapshot, device_days, outcome, detail, release) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            run.startedAt.ms, run.endedAt.ms, run.cause, run.snapshot, run.deviceDays, run.outcome, run.detail,
            run.release.map { Int64(bitPattern: $0) })
    }

    package func runs(limit: Int) throws -> [Run] {
        var runs: [Run] = []
        for row in try database.rows(
            "SELECT started_at_ms, ended_at_ms, cause, snapshot, device_days, outcome, detail, release FROM run ORDER BY id DESC LIMIT ?",
            Int64(limit))
        {
            runs.append(
                Run(
                    startedAt: Instant(ms: row.integer(0)), endedAt: Instant(ms: row.integer(1)), cause: row.text(2),
                    snapshot: row.text(3), deviceDays: row.double(4), outcome: row.text(5), detail: row.text(6),
                    release: row.optionalInteger(7).map { UInt64(bitPattern: $0) }))
        }
        return runs
    }
}
