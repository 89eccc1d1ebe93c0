internal import Archive
internal import Measures
internal import Releases
internal import Runtime
internal import Signing
internal import Text
internal import TrustedReleases
internal import Wire

/// The steps that make a release of a candidate which has passed its verdict.
extension TrainingRun {
    /// Adds the backtest to the candidate's header. After this step only the counter and the signature are missing.
    func register() async throws -> StepResult {
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

    func sign() async throws -> StepResult {
        if let ended = try await endIfChampionHasChanged() { return ended }
        let signer = try await ReleaseSigner(of: archive, keyFile: keyFile)
        guard signer.canSign else {
            return .ended(.unsigned, "passed its verdict; the signing key is on another machine: vaho-cloud models candidate \(run.id)")
        }
        var release = try await candidate()
        release.header.counter = try await archive.nextCounter(now: run.createdAt)
        let (bytes, header) = (try signer.file(release), release.header)
        let attribution = Archive.Attribution(author: "run \(run.id)", reason: "passed its verdict")
        return StepResult(detail: "release \(header.counter)") { [run, ring = signer.ring] archive in
            try archive.lockAliases()
            guard try archive.keyring() == ring else { throw ReleaseChanges.KeysChanged() }
            _ = try archive.register(bytes, header: header, run: run.id)
            try archive.setRelease(header.counter, of: run.id)
            try archive.setAliasInTransaction(.challenger, to: header.counter, by: attribution, now: WallClock.now)
        }
    }

    /// Starts the rollout of this run's release. If a newer release exists, devices may already use it and would refuse a lower counter, so this step
    /// first signs the network again with the next counter.
    ///
    /// After two rollouts in a row that were rolled back, the rollout waits for a person.
    func rollOut() async throws -> StepResult {
        if let ended = try await endIfChampionHasChanged() { return ended }
        if let unfinished = try await archive.unfinishedRollout(), unfinished.run != run.id {
            return .ended(
                .champion_kept, "rollout \(unfinished.id) is in progress: vaho-cloud rollout start \(run.release ?? 0) gives this release later")
        }
        guard let counter = run.release, let bytes = try await archive.releaseBytes(counter: counter) else {
            throw RunFault(run: run.id, missing: "release")
        }
        let signer = try await ReleaseSigner(of: archive, keyFile: keyFile)
        var release = try ReleaseTrust.local.open(bytes)
        if try await archive.newestCounter() != counter {
            release.header.counter = try await archive.nextCounter(now: WallClock.now)
        }
        let (file, header) = (try signer.file(release), release.header)
        let verdict = try await archive.figure("verdict", of: run.id)
        let champion = try await archive.figure(TrainingRun.championFigure, of: run.id)
        let attribution = Archive.Attribution(
            author: run.author.isEmpty ? "run \(run.id)" : run.author, reason: "run \(run.id), \(run.cause): \(verdict)")
        let isPaused = run.author.isEmpty ? try await archive.rollouts(limit: 2).map(\.state) == [.rolled_back, .rolled_back] : false
        let isAtOnce = rolloutSteps == .atOnce && !isPaused
        let detail =
            isAtOnce
            ? "release \(header.counter) is the champion"
            : "rollout of release \(header.counter)" + (isPaused ? ", paused because the last two releases were rolled back" : "")
        return StepResult(detail: "\(detail); \(verdict)", end: isAtOnce ? .promoted : .rolling_out) {
            [run, rolloutSteps, ring = signer.ring] archive in
            try archive.lockAliases()
            guard try archive.keyring() == ring else { throw ReleaseChanges.KeysChanged() }
            let present = try archive.release(of: .champion).map { Hexadecimal.text($0.sha256) } ?? ""
            guard present == champion, try archive.newestCounter() <= header.counter else { throw ChampionChanged() }
            _ = try archive.register(file, header: header, run: run.id)
            try archive.setRelease(header.counter, of: run.id)
            _ = try RolloutChanges.insert(
                header.counter, tags: [], steps: rolloutSteps, cause: run.cause, run: run.id, isPaused: isPaused, by: attribution, now: WallClock.now,
                archive)
        }
    }

    static let championFigure = "backtest.champion"

    /// The champion has changed after the last look. The next attempt of the step ends the run.
    private struct ChampionChanged: Error, CustomStringConvertible {
        let description = "the champion or the newest release has changed"
    }

    /// The verdict is about the champion of the backtest. If a person has promoted or rolled back another one since, the verdict says nothing.
    func endIfChampionHasChanged() async throws -> StepResult? {
        let judged = try await archive.figure(TrainingRun.championFigure, of: run.id)
        let present = try await start().championAlias
        return judged == present ? nil : .ended(.champion_kept, "the champion has changed since the backtest")
    }
}
