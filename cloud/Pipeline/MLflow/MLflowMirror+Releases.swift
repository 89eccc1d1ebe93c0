internal import Archive
internal import Text
internal import Wire

/// Releases of the archive as versions of a registered model.
extension MLflowMirror {
    private struct Versions: Decodable {
        struct Version: Decodable {
            let version: String
            let tags: [Tag]?
        }
        struct Tag: Decodable { let key, value: String }
        let model_versions: [Version]?
    }
    private struct CreatedVersion: Decodable { let model_version: Versions.Version }

    func copy(_ release: Archive.StoredRelease) async throws {
        do { try await client.post("registered-models/create") { $0.field("name", MLflowMirror.model) } } catch let error as MLflowClient.Refused
            where error.isExisting
        {}
        let counter = String(release.name.counter)
        let known = try await client.get(
            "model-versions/search?max_results=1&filter=name%3D%27\(MLflowMirror.model)%27%20and%20tags.%60\(MLflowMirror.counterTag)%60%20%3D%20%27\(counter)%27",
            as: Versions.self
        ).model_versions?.first?.version
        let version: String
        if let known {
            version = known
        } else {
            var run: String?
            if let own = release.run { run = try await runID(of: own, in: experimentID()) }
            version = try await client.post("model-versions/create", as: CreatedVersion.self) { json in
                json.field("name", MLflowMirror.model)
                json.field("source", "vaho:/releases/\(counter)")
                json.field("run_id", run)
                json.field("description", release.backtest)
                json.array("tags") { json in
                    MLflowMirror.pair(MLflowMirror.counterTag, counter, &json)
                    MLflowMirror.pair("vaho.sha256", Hexadecimal.text(release.name.sha256), &json)
                    MLflowMirror.pair("vaho.snapshot", release.snapshot, &json)
                }
            }.model_version.version
        }
        guard release.aliases.contains(ReleaseAlias.champion.name) else { return }
        try await client.post("registered-models/alias") { json in
            json.field("name", MLflowMirror.model)
            json.field("alias", ReleaseAlias.champion.name)
            json.field("version", version)
        }
    }
}
