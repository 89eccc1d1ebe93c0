package import Archive
internal import Forecasting
internal import Releases
internal import Runtime
internal import Signing
internal import Text
internal import TrustedReleases
internal import Wire

/// Trains a release again from its snapshot, and compares the bytes before the signatures: the keys may have changed since.
package struct Reproduction {
    private let reader: Archive
    private let pretrained: PretrainedNetwork?

    package init(reader: Archive, pretrained: PretrainedNetwork?) { (self.reader, self.pretrained) = (reader, pretrained) }

    package enum Result: Sendable, Equatable {
        case same(bytes: Int)
        case different(firstByte: Int)
        case impossible(String)
    }

    package func run(_ counter: UInt64, progress: @escaping @Sendable (TrainingProgress) -> Void = { _ in }) async throws -> Result {
        guard let stored = try await reader.releaseBytes(counter: counter) else { throw ReleaseChanges.NoRelease(counter: counter) }
        let release = try ReleaseTrust.local.open(stored)
        let provenance = release.header.provenance
        let keepsWeights = provenance.configuration == CandidateFit.intervalsConfiguration
        guard keepsWeights || provenance.configuration == CandidateFit.configuration, provenance.codeVersion == CandidateFit.codeVersion else {
            return .impossible("it was trained by \(provenance.codeVersion) with other settings, or by another version than this program")
        }
        guard let snapshot = try await reader.snapshot(sha256: provenance.snapshot) else {
            return .impossible("its snapshot \(provenance.snapshot.prefix(12)) was deleted")
        }
        guard let start = try await TrainingStart(parent: provenance.parent, of: reader, pretrained: pretrained) else {
            return .impossible("its parent \(provenance.parent.prefix(12)) is neither in the archive nor the shipped release")
        }
        let threads = ComputingThread.onePerCore(label: "training")
        let data = try await TrainingData(of: snapshot, from: reader, on: threads)
        let training = CandidateFit(data: data, threads: threads, progress: progress)
        let fit: CandidateFit.Candidate? =
            if keepsWeights, let network = start.network { try await training.recalibrated(network) } else {
                try await training.candidate(from: start.network)
            }
        guard let fit else {
            return .impossible("its snapshot has too few training rows")
        }
        let bytes = try ReleaseFile.bytes(of: Release(header: release.header, network: fit.network), sha256: { SHA256.digest($0) }, sign: { _ in [] })
        let (again, before) = (bytes.dropLast(ReleaseFile.signaturesLength), stored.dropLast(ReleaseFile.signaturesLength))
        if again == before { return .same(bytes: before.count) }
        return .different(firstByte: zip(again, before).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? min(again.count, before.count))
    }
}
