package import Measures
package import Releases
internal import Signing
internal import SQLite
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
        var select = try database.prepare("SELECT r.counter, r.sha256 FROM alias a JOIN release r ON r.counter = a.counter WHERE a.name = ?")
        try select.bind(alias, at: 1)
        guard try select.step(), let sha256 = Hexadecimal.bytes(select.text(1)) else { return nil }
        return ReleaseReference(counter: UInt64(bitPattern: select.integer(0)), sha256: sha256)
    }

    package func releases() throws -> [StoredRelease] { try releases("", nil) }

    package func release(counter: UInt64) throws -> StoredRelease? { try releases("WHERE counter = ?", Int64(bitPattern: counter)).first }

    private func releases(_ condition: String, _ counter: Int64?) throws -> [StoredRelease] {
        var aliases: [Int64: [String]] = [:]
        var named = try database.prepare("SELECT counter, name FROM alias ORDER BY name")
        while try named.step() { aliases[named.integer(0), default: []].append(named.text(1)) }
        var select = try database.prepare(
            "SELECT counter, sha256, model_id, created_at_ms, snapshot, parent, backtest FROM release \(condition) ORDER BY counter")
        if let counter { try select.bind(counter, at: 1) }
        var releases: [StoredRelease] = []
        while try select.step() {
            releases.append(
                StoredRelease(
                    name: ReleaseReference(counter: UInt64(bitPattern: select.integer(0)), sha256: Hexadecimal.bytes(select.text(1)) ?? []),
                    modelID: select.text(2), createdAt: Instant(ms: select.integer(3)), snapshot: select.text(4), parent: select.text(5),
                    backtest: select.text(6), aliases: aliases[select.integer(0)] ?? []))
        }
        return releases
    }

    package func releaseBytes(counter: UInt64) throws -> [UInt8]? {
        var select = try database.prepare("SELECT body FROM release WHERE counter = ?")
        try select.bind(Int64(bitPattern: counter), at: 1)
        return try select.step() ? select.blob(0) : nil
    }

    /// Registers a release and points the champion's alias at it, in one transaction.
    package func promote(_ bytes: [UInt8], header: ReleaseHeader, reason: String, now: Instant) throws -> ReleaseReference {
        let name = ReleaseReference(counter: header.counter, sha256: SHA256.digest(bytes))
        try database.transaction {
            var insert = try database.prepare("INSERT INTO release VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
            try insert.bind(Int64(bitPattern: header.counter), at: 1)
            try insert.bind(Hexadecimal.text(name.sha256), at: 2)
            try insert.bind(header.modelID, at: 3)
            try insert.bind(header.createdAt.ms, at: 4)
            try insert.bind(header.provenance.snapshot, at: 5)
            try insert.bind(header.provenance.parent, at: 6)
            try insert.bind(header.provenance.backtest, at: 7)
            try insert.bind(bytes, at: 8)
            try insert.run()
            var alias = try database.prepare("INSERT INTO alias VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET counter = excluded.counter")
            try alias.bind(Archive.championAlias, at: 1)
            try alias.bind(Int64(bitPattern: header.counter), at: 2)
            try alias.run()
            var history = try database.prepare("INSERT INTO alias_history (at_ms, name, counter, reason) VALUES (?, ?, ?, ?)")
            try history.bind(now.ms, at: 1)
            try history.bind(Archive.championAlias, at: 2)
            try history.bind(Int64(bitPattern: header.counter), at: 3)
            try history.bind(reason, at: 4)
            try history.run()
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
        var insert = try database.prepare(
            "INSERT INTO run (started_at_ms, ended_at_ms, cause, snapshot, device_days, outcome, detail, release) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
        try insert.bind(run.startedAt.ms, at: 1)
        try insert.bind(run.endedAt.ms, at: 2)
        try insert.bind(run.cause, at: 3)
        try insert.bind(run.snapshot, at: 4)
        try insert.bind(run.deviceDays, at: 5)
        try insert.bind(run.outcome, at: 6)
        try insert.bind(run.detail, at: 7)
        try insert.bind(run.release.map { Int64(bitPattern: $0) }, at: 8)
        try insert.run()
    }

    package func runs(limit: Int) throws -> [Run] {
        var select = try database.prepare(
            "SELECT started_at_ms, ended_at_ms, cause, snapshot, device_days, outcome, detail, release FROM run ORDER BY id DESC LIMIT ?")
        try select.bind(Int64(limit), at: 1)
        var runs: [Run] = []
        while try select.step() {
            runs.append(
                Run(
                    startedAt: Instant(ms: select.integer(0)), endedAt: Instant(ms: select.integer(1)), cause: select.text(2),
                    snapshot: select.text(3), deviceDays: select.double(4), outcome: select.text(5), detail: select.text(6),
                    release: select.optionalInteger(7).map { UInt64(bitPattern: $0) }))
        }
        return runs
    }
}
