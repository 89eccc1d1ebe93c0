package import Archive
internal import Evaluation
internal import Forecasting
internal import Learning
package import Measures
internal import Releases
internal import Runtime
internal import Signing
internal import Text
internal import TrustedReleases
package import Wire

/// One training run: selects the data, fits a candidate, compares the candidate with the champion, and publishes a signed release if the
/// candidate is better.
package struct Training: Sendable {
    package static let codeVersion = "vaho 0.1.0"
    private static let lifetime: Duration = .seconds(180 * 86_400)

    private let archive: Archive
    private let reader: Archive
    private let keyFile: String
    private let pretrained: PretrainedNetwork?
    private let threads = ComputingThread.onePerCore(label: "training")

    /// - Parameters:
    ///   - archive: stores the release and the run.
    ///   - reader: reads the observations; may be the same archive.
    ///   - keyFile: the path of the fleet's signing key.
    ///   - pretrained: the network that the fleet's first model starts from.
    package init(archive: Archive, reader: Archive, keyFile: String, pretrained: PretrainedNetwork? = nil) {
        self.archive = archive
        self.reader = reader
        self.keyFile = keyFile
        self.pretrained = pretrained
    }

    package enum Outcome: String, Sendable {
        case promoted, champion_kept, unchanged, too_little_data
    }

    package struct Result: Sendable {
        package let outcome: Outcome
        package let detail: String
        package let release: ReleaseReference?
    }

    /// Two runs at once could promote two releases against the same champion.
    package struct InProgress: Error, CustomStringConvertible {
        package var description: String { "another training run is in progress: wait until it has ended" }
    }

    /// - Parameters:
    ///   - cause: `manual` or `new data`; stored with the run.
    ///   - progress: called at each step of the run.
    /// - Throws: `InProgress` while another run is in progress, in this program or another.
    package func run(cause: String, now: Instant, progress: @escaping @Sendable (TrainingProgress) -> Void = { _ in }) async throws -> Result {
        guard try await archive.claim(.training) else { throw InProgress() }
        do {
            let result = try await claimedRun(cause: cause, now: now, progress)
            await archive.release(.training)
            return result
        } catch {
            await archive.release(.training)
            throw error
        }
    }

    private func claimedRun(cause: String, now: Instant, _ progress: @escaping @Sendable (TrainingProgress) -> Void) async throws -> Result {
        let data = try await TrainingData.select(from: reader, on: threads, progress)
        if try await archive.runs(limit: 1).first?.snapshot == data.hash {
            return Result(outcome: .unchanged, detail: "no observation has arrived since the last run", release: nil)
        }
        let result = try await outcome(of: data, cause: cause, now: now, progress)
        try await archive.record(
            Archive.Run(
                startedAt: now, endedAt: max(now, WallClock.now), cause: cause, snapshot: data.hash, deviceDays: data.deviceDays,
                outcome: result.outcome.rawValue, detail: result.detail, release: result.release?.counter))
        return result
    }

    private func outcome(
        of data: TrainingData, cause: String, now: Instant, _ progress: @escaping @Sendable (TrainingProgress) -> Void
    ) async throws -> Result {
        let signer = try await ReleaseSigner(of: archive, keyFile: keyFile)
        let champion = try await ChampionReader(reader: reader, trust: .signed(by: [signer.publicKey])).champion()
        let fit = CandidateFit(data: data, thread: threads[0], progress: progress)
        guard let candidate = try await fit.network(from: champion?.network ?? pretrained?.network) else {
            let days = Int(try await data.longestDays())
            return Result(
                outcome: .too_little_data, detail: "the longest series has \(days) days, about \(Int(TrainingData.minimumDays)) are needed",
                release: nil)
        }
        let inUse = if let champion { champion.network as Network? } else { try await shippedNetworkInUse() }
        let losses = try await compare(data, candidate, inUse, progress)
        let verdict = Verdict(losses)
        let detail = "\(verdict.reason); \(losses.summary)"
        guard verdict.decision == .pass else {
            return Result(outcome: .champion_kept, detail: "\(verdict.decision.rawValue): \(detail)", release: nil)
        }
        // A restart of the database ends the claim: another run may have begun.
        guard await archive.holds(.training) else { throw InProgress() }
        let provenance = Provenance(
            snapshot: data.hash, codeVersion: Training.codeVersion, seed: CandidateFit.settings.seed,
            configuration: CandidateFit.configurationHash(),
            parent: champion.map { Hexadecimal.text($0.name.sha256) } ?? pretrained?.sha256 ?? "", backtest: losses.summary)
        let name = try await publish(candidate, provenance, signer, reason: "training run, \(cause): \(detail)", now: now)
        return Result(outcome: .promoted, detail: detail, release: name)
    }

    /// The network that a candidate must beat while the fleet has no champion: the shipped release; `nil` if all devices report that they run
    /// without a release.
    private func shippedNetworkInUse() async throws -> Network? {
        let reports = try await reader.reports()
        return reports.isEmpty || reports.contains { $0.release != nil } ? pretrained?.network : nil
    }

    private func compare(
        _ data: TrainingData, _ candidate: Network, _ champion: Network?, _ progress: @escaping @Sendable (TrainingProgress) -> Void
    ) async throws -> PairedLosses {
        let count = data.replayed.count
        var losses = PairedLosses()
        try await data.forEach(of: data.replayed) { series, _ in
            try PairedLosses(replaying: series, candidate: candidate, champion: champion)
        } use: { part, number in
            losses.append(part)
            progress(TrainingProgress(.comparing, number + 1, of: count))
        }
        return losses
    }

    /// Signs the network as a release with the next counter, and makes it the champion.
    private func publish(
        _ network: Network, _ provenance: Provenance, _ signer: ReleaseSigner, reason: String, now: Instant
    ) async throws -> ReleaseReference {
        let header = ReleaseHeader(
            counter: try await archive.nextCounter(now: now), modelID: "network-\(provenance.snapshot.prefix(8))", createdAt: now,
            expiresAt: now + Training.lifetime, provenance: provenance)
        let bytes = try signer.file(Release(header: header, network: network))
        return try await archive.promote(bytes, header: header, reason: reason, now: now)
    }
}

extension PairedLosses {
    /// One line: the mean absolute error at each lead time, of the candidate, the champion and persistence.
    fileprivate var summary: String {
        func number(_ value: Double) -> String { NumberText.fixed(value, places: 2) ?? "–" }
        let parts = PairedLosses.leadTimes.enumerated().compactMap { lead, leadTime -> String? in
            guard let errors = meanErrors(lead: lead) else { return nil }
            let others = "champion \(number(errors.champion)), persistence \(number(errors.persistence))"
            return "\(leadTime.wholeSeconds / 3_600) h \(number(errors.candidate)) (\(others))"
        }
        return "mean absolute error in %RH: " + parts.joined(separator: ", ")
    }
}
