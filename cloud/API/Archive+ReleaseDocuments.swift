internal import APIDocuments
internal import Archive
internal import Measures
internal import Text
internal import Wire

/// JSON documents of releases, of the history of aliases, and of snapshots.
extension Archive {
    static let listLimit = 1_000

    func modelsDocument(_ page: NewestFirst) throws -> [UInt8] {
        try page.document(
            "models", { try releases(before: $0.map(UInt64.init(bitPattern:)), limit: $1) }, number: { Int64(bitPattern: $0.name.counter) }
        ) { release, json in
            json.field("counter", release.name.counter)
            json.field("sha256", Hexadecimal.text(release.name.sha256))
            json.field("model_id", release.modelID)
            json.field("created_at", RFC3339.format(ms: release.createdAt.ms))
            json.field("snapshot", release.snapshot)
            json.field("parent", release.parent.isEmpty ? nil : release.parent)
            json.field("backtest", release.backtest)
            json.field("run", release.run)
            json.array("aliases") { json in for alias in release.aliases { json.string(alias) } }
        }
    }

    func aliasHistoryDocument(_ alias: ReleaseAlias?, _ page: NewestFirst) throws -> [UInt8] {
        try page.document("changes", { try aliasHistory(of: alias, before: $0, limit: $1) }, number: \.id) { Archive.write($0, &$1) }
    }

    private static func write(_ change: AliasChange, _ json: inout JSONWriter) {
        json.field("at", RFC3339.format(ms: change.at.ms))
        json.field("alias", change.alias)
        json.field("release", change.counter)
        json.field("author", change.author)
        json.field("reason", change.reason)
    }

    /// Which release a device forecast with at an instant, and why.
    func deviceReleaseDocument(_ id: String, at instant: Instant) throws -> [UInt8] {
        guard let name = DeviceID(id), let device = try device(named: name) else { throw Problem.noDevice(id) }
        guard let found = try release(on: device, at: instant) else {
            throw Problem(status: 404, detail: "\(name) had not reported a release by \(RFC3339.format(ms: instant.ms))")
        }
        var json = JSONWriter()
        json.object { json in
            json.field("device", name.name)
            json.field("at", RFC3339.format(ms: instant.ms))
            json.field("since", RFC3339.format(ms: found.since.ms))
            json.field("release", found.counter)
            json.field("sha256", found.sha256.isEmpty ? nil : found.sha256)
            if let assignment = found.assignment { json.object("assignment") { Archive.write(assignment, &$0) } }
        }
        return json.bytes
    }

    func snapshotsDocument(_ page: NewestFirst) throws -> [UInt8] {
        try page.document("snapshots", { try snapshots(before: $0, limit: $1) }, number: \.id) { snapshot, json in
            json.field("sha256", snapshot.sha256)
            json.field("created_at", RFC3339.format(ms: snapshot.createdAt.ms))
            json.field("reason", snapshot.reason)
            json.field("sensors", snapshot.sensors)
            json.field("weeks", snapshot.weeks)
            json.field("observations", snapshot.observations)
            json.field("days", snapshot.days, places: 1)
        }
    }
}
