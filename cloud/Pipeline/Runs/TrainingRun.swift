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
internal import Wire

/// Does the steps of a training run. Apart from `snapshot`, which makes the snapshot in its own transactions, a step changes nothing of the run: its
/// changes are part of its result.
struct TrainingRun: Sendable {
    let run: Archive.Run
    let archive: Archive  // makes the snapshot
    let reader: Archive  // reads the observations; may be the same archive
    let keyFile: String
    let pretrained: PretrainedNetwork?
    let threads: [ComputingThread]
    let progress: @Sendable (TrainingProgress) -> Void

    private static let lifetime: Duration = .seconds(180 * 86_400)

    /// For `train` and `backtest`, the hash of the step's inputs; for the other steps, the snapshot. A later run with the same inputs of `train` uses the
    /// candidate again.
    func inputs(of step: TrainingStep) async throws -> String {
        switch step {
        case .train:
            let start = try await start()
            return TrainingRun.hash([run.snapshot, CandidateFit.configuration, CandidateFit.codeVersion, start.sha256])
        case .backtest:
            let candidate = try await archive.candidate(of: run.id) ?? []
            return TrainingRun.hash([run.snapshot, Hexadecimal.text(SHA256.digest(candidate)), try await start().championSHA256])
        case .validate, .snapshot, .verdict, .register, .sign, .rollOut: return run.snapshot
        }
    }

    private static func hash(_ parts: [String]) -> String { Hexadecimal.text(SHA256.digest(Array(parts.joined(separator: "\n").utf8))) }

    func perform(_ step: TrainingStep, inputs: String) async throws -> StepResult {
        switch step {
        case .validate: try await validate()
        case .snapshot: try await snapshot()
        case .train: try await train(inputs)
        case .backtest: try await backtest(inputs)
        case .verdict: try await verdict()
        case .register: try await register()
        case .sign: try await sign()
        case .rollOut: try await rollOut()
        }
    }

    private func start() async throws -> TrainingStart {
        try await TrainingStart(of: reader, pretrained: pretrained, signer: ReleaseSigner(of: archive, keyFile: keyFile))
    }

    private func validate() async throws -> StepResult {
        _ = try await ReleaseSigner(of: archive, keyFile: keyFile)  // a run that cannot sign its release would be in vain
        let days = try await reader.sensors().map(\.observedDays)
        let enough = days.count { $0 >= TrainingData.minimumDays }
        // Days of all sensors, also of those whose history is too short: the next run starts when enough days more have arrived.
        let deviceDays = try await reader.observedDays()
        let minimum = Int(TrainingData.minimumDays)
        let detail =
            enough > 0
            ? "\(enough) of \(days.count) sensors have at least \(minimum) days of observations"
            : "the longest series has \(Int(days.max() ?? 0)) days, about \(minimum) are needed"
        return StepResult(detail: detail, end: enough > 0 ? nil : .too_little_data) { [run] archive in
            try archive.setDeviceDays(deviceDays, of: run.id)
        }
    }

    private func snapshot() async throws -> StepResult {
        let snapshot = try await archive.makeSnapshot(reason: "run \(run.id)", now: WallClock.now) { [progress] done, all in
            progress(TrainingProgress(.reading, done, of: all))
        }
        let changes: @Sendable (isolated Archive) throws -> Void = { [run] archive in
            try archive.setSnapshot(snapshot.sha256, of: run.id)
            try archive.setFigures([("configuration", CandidateFit.configuration)], of: run.id)
        }
        if let earlier = try await reader.finishedRun(before: run.id, snapshot: snapshot.sha256, configuration: CandidateFit.configuration) {
            return StepResult(
                detail: "no observation has changed since run \(earlier), which has the same snapshot", end: .unchanged, changes: changes)
        }
        return StepResult(
            detail: "snapshot \(snapshot.sha256.prefix(12)): \(snapshot.observations) observations of \(snapshot.sensors) sensors", changes: changes)
    }

    private func data() async throws -> TrainingData {
        guard let snapshot = try await reader.snapshot(sha256: run.snapshot) else { throw RunFault(run: run.id, missing: "snapshot \(run.snapshot)") }
        return try await TrainingData(of: snapshot, from: reader, on: threads)
    }

    private func train(_ inputs: String) async throws -> StepResult {
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
        guard let fit = try await CandidateFit(data: data, threads: threads, progress: progress).candidate(from: start.network) else {
            return .ended(.too_little_data, "the series have too few training rows")
        }
        let provenance = Provenance(
            snapshot: run.snapshot, codeVersion: CandidateFit.codeVersion, seed: CandidateFit.settings.seed,
            configuration: CandidateFit.configuration,
            parent: start.sha256, backtest: "")
        let bytes = try unsigned(provenance, fit.network)
        let sample = data.available > data.sensors.count ? ", sampled from \(data.available) in proportion to step and length of history" : ""
        return StepResult(
            detail: "\(fit.rows) rows of \(data.sensors.count) sensors\(sample); mean loss \(NumberText.fixed(fit.loss, places: 4) ?? "–")"
        ) { [run] archive in
            try archive.setCandidate(bytes, sha256: Hexadecimal.text(SHA256.digest(bytes)), of: run.id)
            try archive.setFigures(fit.figures(data, parent: start.sha256), of: run.id)
        }
    }

    /// The candidate as a release file without counter and signature.
    private func unsigned(_ provenance: Provenance, _ network: Network) throws -> [UInt8] {
        let header = ReleaseHeader(
            counter: 0, modelID: "network-\(provenance.snapshot.prefix(8))", createdAt: run.createdAt,
            expiresAt: run.createdAt + TrainingRun.lifetime,
            provenance: provenance)
        return try ReleaseFile.bytes(of: Release(header: header, network: network), sha256: { SHA256.digest($0) }, sign: { _ in [] })
    }

    private func candidate() async throws -> Release {
        guard let bytes = try await archive.candidate(of: run.id) else { throw RunFault(run: run.id, missing: "candidate") }
        return try ReleaseTrust.local.open(bytes)
    }

    private func backtest(_ inputs: String) async throws -> StepResult {
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
            try archive.setFigures([("backtest", summary), (TrainingRun.championFigure, start.championSHA256)] + figures, of: run.id)
        }
    }

    private func verdict() async throws -> StepResult {
        let verdict = Verdict(try await archive.evidence(of: run.id))
        let detail = "\(verdict.decision.rawValue): \(verdict.reason)"
        let changes: @Sendable (isolated Archive) throws -> Void = { [run] archive in
            try archive.setFigures([("verdict", detail)], of: run.id)
        }
        return StepResult(detail: detail, end: verdict.decision == .pass ? nil : .champion_kept, changes: changes)
    }

    /// Adds the backtest to the candidate's header. After this step only the counter and the signature are missing.
    private func register() async throws -> StepResult {
        let candidate = try await candidate()
        var provenance = candidate.header.provenance
        provenance.backtest = try await archive.figure("backtest", of: run.id)
        let bytes = try unsigned(provenance, candidate.network)
        return StepResult(detail: "\(candidate.header.modelID), parent \(provenance.parent.isEmpty ? "none" : String(provenance.parent.prefix(12)))")
        {
            [run] archive in
            try archive.setCandidate(bytes, sha256: Hexadecimal.text(SHA256.digest(bytes)), of: run.id)
        }
    }

    private func sign() async throws -> StepResult {
        if let ended = try await endIfChampionHasChanged() { return ended }
        var release = try await candidate()
        release.header.counter = try await archive.nextCounter(now: run.createdAt)
        let (bytes, header) = (try await ReleaseSigner(of: archive, keyFile: keyFile).file(release), release.header)
        let attribution = Archive.Attribution(author: "run \(run.id)", reason: "passed its verdict")
        return StepResult(detail: "release \(header.counter)") { [run] archive in
            _ = try archive.register(bytes, header: header, run: run.id)
            try archive.setRelease(header.counter, of: run.id)
            try archive.setAliasInTransaction(.challenger, to: header.counter, by: attribution, now: WallClock.now)
        }
    }

    /// If a person has signed a newer release in the meantime, devices may refuse this release: then the run signs its network again.
    private func rollOut() async throws -> StepResult {
        if let ended = try await endIfChampionHasChanged() { return ended }
        guard let stored = try await archive.release(ofRun: run.id), let bytes = try await archive.releaseBytes(counter: stored.name.counter) else {
            throw RunFault(run: run.id, missing: "release")
        }
        let signer = try await ReleaseSigner(of: archive, keyFile: keyFile)
        var release = try ReleaseTrust.signed(by: [signer.publicKey]).open(bytes)
        if try await archive.releases(limit: 1).first?.name.counter != stored.name.counter {
            release.header.counter = try await archive.nextCounter(now: WallClock.now)
        }
        let (file, header) = (try signer.file(release), release.header)
        let verdict = try await archive.figure("verdict", of: run.id)
        let champion = try await archive.figure(TrainingRun.championFigure, of: run.id)
        let attribution = Archive.Attribution(
            author: run.author.isEmpty ? "run \(run.id)" : run.author, reason: "run \(run.id), \(run.cause): \(verdict)")
        return StepResult(detail: "release \(header.counter) is the champion; \(verdict)", end: .promoted) { [run, pretrained] archive in
            let present = try archive.release(of: .champion).map { Hexadecimal.text($0.sha256) }
            // Without a champion, the candidate was judged against the shipped release or the damped anomaly.
            guard present == champion || present == nil && (champion.isEmpty || champion == pretrained?.sha256),
                try archive.releases(limit: 1).first.map({ $0.name.counter <= header.counter }) ?? true
            else { throw ChampionChanged() }
            _ = try archive.register(file, header: header, run: run.id)
            try archive.setRelease(header.counter, of: run.id)
            try archive.setAliasInTransaction(.champion, to: header.counter, by: attribution, now: WallClock.now)
            try archive.setAliasInTransaction(.challenger, to: nil, by: attribution, now: WallClock.now)
        }
    }

    private static let championFigure = "backtest.champion"

    /// The champion has changed after the last look. The next attempt of the step ends the run.
    private struct ChampionChanged: Error, CustomStringConvertible {
        let description = "the champion or the newest release has changed"
    }

    /// The verdict is about the champion of the backtest. If a person has promoted or rolled back another one since, the verdict says nothing.
    private func endIfChampionHasChanged() async throws -> StepResult? {
        let judged = try await archive.figure(TrainingRun.championFigure, of: run.id)
        let present = try await start().championSHA256
        return judged == present ? nil : .ended(.champion_kept, "the champion has changed since the backtest")
    }
}
