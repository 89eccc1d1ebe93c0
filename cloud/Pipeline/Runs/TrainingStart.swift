internal import Archive
internal import Forecasting
internal import Text
internal import TrustedReleases
internal import Wire

/// The networks that a training run begins with.
struct TrainingStart: Sendable {
    /// The network whose weights the fit starts from; `nil`: random weights.
    let network: Network?
    let sha256: String  // of the release file that has the network; empty for random weights
    /// The network that the candidate must beat; `nil`: the damped anomaly.
    let champion: Network?
    let championSHA256: String
    let championAlias: String  // SHA-256 of the release of the alias `champion`; empty without one

    /// The champion, else the shipped release. A fleet whose devices all forecast without a release has no champion to beat but the damped anomaly.
    init(of reader: Archive, pretrained: PretrainedNetwork?) async throws {
        let name = try await reader.release(of: .champion)
        championAlias = name.map { Hexadecimal.text($0.sha256) } ?? ""
        // The archive's own releases need no valid signature: the key may have been replaced since.
        if let name, let network = try await ReleaseReader(reader: reader, trust: .local).network(name) {
            (self.network, champion) = (network, network)
            sha256 = Hexadecimal.text(name.sha256)
            championSHA256 = sha256
            return
        }
        network = pretrained?.network
        sha256 = pretrained?.sha256 ?? ""
        let reports = try await reader.reports()
        let isShippedInUse = reports.isEmpty || reports.contains { $0.release != nil }
        champion = isShippedInUse ? pretrained?.network : nil
        championSHA256 = isShippedInUse ? sha256 : ""
    }

    /// The network that a stored release was trained from.
    /// - Parameter sha256: of the parent release; empty: random weights.
    /// - Returns: `nil` if the archive does not have the parent.
    init?(parent sha256: String, of reader: Archive, pretrained: PretrainedNetwork?) async throws {
        if sha256.isEmpty {
            network = nil
        } else if let pretrained, pretrained.sha256 == sha256 {
            network = pretrained.network
        } else {
            guard let name = try await reader.release(sha256: sha256),
                let parent = try await ReleaseReader(reader: reader, trust: .local).network(name)
            else { return nil }
            network = parent
        }
        self.sha256 = sha256
        (champion, championSHA256, championAlias) = (nil, "", "")
    }
}
