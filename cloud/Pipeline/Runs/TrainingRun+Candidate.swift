internal import Archive
internal import Evaluation
internal import Forecasting
internal import Learning
internal import Measures
internal import Releases
internal import Runtime
internal import Signing
internal import Text
internal import TrustedReleases

/// The steps that make and judge a candidate.
extension TrainingRun {
    func validate() async throws -> StepResult {
        _ = try await ReleaseSigner(of: archive, keyFile: keyFile)  // fails before the work of a run whose release could not be signed
        let days = try await reader.sensors().map(\.observedDays)
        let enough = days.count { $0 >= TrainingData.minimumDays }
        // Days of all sensors, also of those whose history is too short: the next run starts when enough days more have arrived.
        let deviceDays = try await reader.observedDays()
        let minimum = Int(TrainingData.minimumDays)
        let detail =
            enough > 0
            ? "\(enough) of \(days.count) sensors have at least \(minimum) days of observations"
            : "the longest series has \(Int(days.max() ?? 0)) days, about \(minimum) are needed"
        return StepResult(detail: detail, end: enough > 0 ? nil : .too_little_data) { [run, isGiven] archive in
            // A run that learns nothing from the new days does not put off the next training.
            if !isGiven { try archive.setDeviceDays(deviceDays, of: run.id) }
        }
    }

    func snapshot() async throws -> StepResult {
        let snapshot = try await archive.makeSnapshot(reason: "run \(run.id)", now: WallClock.now) { [progress] done, all in
            progress(TrainingProgress(.reading, done, of: all))
        }
        let changes: @Sendable (isolated Archive) throws -> Void = { [run, configuration] archive in
            try archive.setSnapshot(snapshot.sha256, of: run.id)
            try archive.setFigures([("configuration", configuration)], of: run.id)
        }
        if let earlier = try await reader.finishedRun(before: run.id, snapshot: snapshot.sha256, configuration: configuration) {
            return StepResult(
                detail: "no observation has changed since run \(earlier), which has the same snapshot", end: .unchanged, changes: changes)
        }
        return StepResult(
            detail: "snapshot \(snapshot.sha256.prefix(12)): \(snapshot.observations) observations of \(snapshot.sensors) sensors", changes: changes)
    }

    func data() async throws -> TrainingData {
        guard let snapshot = try await reader.snapshot(sha256: run.snapshot) else { throw RunFault(run: run.id, missing: "snapshot \(run.snapshot)") }
        return try await TrainingData(of: snapshot, from: reader, on: threads)
    }

    func train(_ inputs: String) async throws -> StepResult {
        if let earlier = try await archive.earlierRun(before: run.id, step: TrainingStep.train.name, inputs: inputs),
            let bytes = try await archive.candidate(of: earlier)
        {
            return StepResult(detail: "the inputs are those of run \(earlier): its candidate is used again") { [run] archive in
                try archive.setCandidate(bytes, sha256: Hexadecimal.text(SHA256.digest(bytes)), of: run.id)
                try archive.setFigures(archive.figures(of: earlier).filter { $0.name.hasPrefix("train.") }, of: run.id)
            }
        }
        let data = try await data()
        let start = try await start()
        let training = CandidateFit(data: data, threads: threads, progress: progress)
        let recalibrated = keepsWeights ? start.network : nil
        let fit: CandidateFit.Candidate? =
            if let recalibrated { try await training.recalibrated(recalibrated) } else { try await training.candidate(from: start.network) }
        guard let fit else { return .ended(.too_little_data, "the series have too few training rows") }
        let provenance = Provenance(
            snapshot: run.snapshot, codeVersion: CandidateFit.codeVersion, seed: CandidateFit.settings.seed,
            configuration: configuration,
            parent: start.sha256, backtest: "")
        let bytes = try unsigned(provenance, fit.network)
        let sample = data.available > data.sensors.count ? ", sampled from \(data.available) in proportion to step and length of history" : ""
        return StepResult(
            detail: recalibrated != nil
                ? "the champion's weights, with the intervals of \(data.replayed.count) sensors"
                : "\(fit.rows) rows of \(data.sensors.count) sensors\(sample); mean loss \(NumberText.fixed(fit.loss, places: 4) ?? "–")"
        ) { [run] archive in
            try archive.setCandidate(bytes, sha256: Hexadecimal.text(SHA256.digest(bytes)), of: run.id)
            try archive.setFigures(fit.figures(data, parent: start.sha256), of: run.id)
        }
    }

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

    func backtest(_ inputs: String) async throws -> StepResult {
        let (data, candidate, start) = (try await data(), try await candidate().network, try await start())
        let champion = start.champion
        var losses = PairedLosses()
        let count = data.replayed.count
        try await data.forEach(of: data.replayed) { series, _ in
            try PairedLosses(replaying: series, candidate: candidate, champion: champion)
        } use: { [progress] part, number in
            losses.append(part)
            progress(TrainingProgress(.backtesting, number + 1, of: count))
        }
        let (evidence, summary, figures) = (Verdict.evidence(of: losses), losses.summary, losses.figures)
        return StepResult(detail: "\(losses.losses.count) targets of \(count) sensors") { [run] archive in
            try archive.setEvidence(evidence, of: run.id)
            try archive.setFigures([("backtest", summary), (TrainingRun.championFigure, start.championAlias)] + figures, of: run.id)
        }
    }

    func verdict() async throws -> StepResult {
        let verdict = Verdict(try await archive.evidence(of: run.id))
        let detail = "\(verdict.decision.rawValue): \(verdict.reason)"
        let changes: @Sendable (isolated Archive) throws -> Void = { [run] archive in
            try archive.setFigures([("verdict", detail)], of: run.id)
        }
        return StepResult(detail: detail, end: verdict.decision == .pass ? nil : .champion_kept, changes: changes)
    }

    // MARK: the candidate

    private static let lifetime: Duration = .seconds(180 * 86_400)

    /// The candidate as a release file without counter and signature.
    func unsigned(_ provenance: Provenance, _ network: Network) throws -> [UInt8] {
        let header = ReleaseHeader(
            counter: 0, modelID: "network-\(provenance.snapshot.prefix(8))", createdAt: run.createdAt,
            expiresAt: run.createdAt + TrainingRun.lifetime,
            provenance: provenance)
        return try ReleaseFile.bytes(of: Release(header: header, network: network), sha256: { SHA256.digest($0) }, sign: { _ in [] })
    }

    func candidate() async throws -> Release {
        guard let bytes = try await archive.candidate(of: run.id) else { throw RunFault(run: run.id, missing: "candidate") }
        return try ReleaseTrust.local.open(bytes)
    }
}
