package import Archive
package import Measures
internal import Forecasting
internal import Releases
internal import Signing
internal import Text
internal import TrustedReleases

/// A network that was made elsewhere. A run judges it as if the run had trained it.
package struct GivenCandidate {
    /// The cause of the run begins with this word and the beginning of the file's SHA-256.
    static let cause = "candidate"

    private let bytes: [UInt8]
    private let sha256: String

    /// - Parameter bytes: a release file; its signature is not checked.
    /// - Throws: `ReleaseRefusal` if a device would refuse the file for another reason.
    package init(_ bytes: [UInt8]) throws {
        _ = try ReleaseTrust.local.open(bytes)
        (self.bytes, sha256) = (bytes, Hexadecimal.text(SHA256.digest(bytes)))
    }

    package func startRun(in archive: Archive, reason: String, author: String, now: Instant) async throws -> Archive.Run {
        try await archive.startRun(
            kind: RunWorker.kind, cause: "\(GivenCandidate.cause) \(sha256.prefix(12)): \(reason)", author: author, now: now,
            candidate: (bytes, sha256))
    }
}

extension TrainingRun {
    /// Whether the candidate was given, and is not trained by the run.
    var isGiven: Bool { run.cause.hasPrefix(GivenCandidate.cause + " ") }

    /// Replaces the given file by one whose header describes this run.
    func takeGivenCandidate() async throws -> StepResult {
        let given = try await candidate()
        let start = try await start()
        let provenance = Provenance(
            snapshot: run.snapshot, codeVersion: given.header.provenance.codeVersion, seed: given.header.provenance.seed,
            configuration: configuration, parent: start.sha256, backtest: "")
        let bytes = try unsigned(provenance, given.network)
        let shape = given.network.shape
        return StepResult(detail: "\(given.header.modelID), made elsewhere") { [run] archive in
            try archive.setCandidate(bytes, sha256: Hexadecimal.text(SHA256.digest(bytes)), of: run.id)
            try archive.setFigures([("train.hidden_units", "\(shape.first)+\(shape.second)"), ("train.parent", start.sha256)], of: run.id)
        }
    }
}
