package import Archive
internal import Evaluation
internal import Measures
package import Runtime
internal import Wire

/// Moves the rollout in progress from step to step.
package struct RolloutService: Service {
    private let archive: Archive
    private let reader: Archive  // reads the devices and their live errors, so that the ingest does not wait
    private let keyFile: String
    private let pretrained: PretrainedNetwork?
    private let clock: ServiceClock
    private let log: Log
    private static let author = "rollout service"
    private static let checkPeriod: Duration = .seconds(2)
    private static let longestPause: Duration = .seconds(60)
    /// Devices without contact for this long are ignored.
    private static let heardWithin: Duration = .seconds(86_400)

    package init(
        archive: Archive, reader: Archive, keyFile: String, pretrained: PretrainedNetwork?, clock: ServiceClock = .host, log: Log
    ) {
        (self.archive, self.reader, self.keyFile) = (archive, reader, keyFile)
        (self.pretrained, self.clock, self.log) = (pretrained, clock, log)
    }

    package func run() async throws {
        try await clock.repeating(
            every: RolloutService.checkPeriod, retry: RetryPause(first: .seconds(2), longest: .seconds(60)), failure: "rollout not moved, retrying",
            log: log
        ) {
            let started = ContinuousClock.now
            let isChanged = try await step()
            if !isChanged { try await clock.rest(after: ContinuousClock.now - started, atMost: RolloutService.longestPause) }
        }
    }

    /// Does the next action of the rollout in progress.
    /// - Returns: whether the rollout has changed.
    @discardableResult
    package func step() async throws -> Bool {
        guard let rollout = try await archive.unfinishedRollout() else {
            try await rollBackRejectedChampion()
            return false
        }
        let devices = try await reader.rolloutDevices(of: rollout, since: clock.wallClock - RolloutService.heardWithin)
        let facts = try await facts(rollout, devices)
        let action = RolloutPlan.next(rollout, facts, now: clock.wallClock)
        do { return try await perform(action, rollout, devices) } catch let moved as Archive.RolloutMoved {
            log(.info, "rollout changed by another writer, retrying at the next check", ["rollout": rollout.id, "detail": "\(moved)"])
            return true
        }
    }

    /// Rolls the champion back if devices reject it after its rollout has ended.
    private func rollBackRejectedChampion() async throws {
        guard let champion = try await archive.release(of: .champion), try await archive.releaseStop() == nil else { return }
        let heardSince = clock.wallClock - RolloutService.heardWithin
        let rejecting = try await reader.rejectingDevices(of: champion, since: heardSince)
        guard rejecting > 0 else { return }
        let devices = try await reader.devicesHeard(since: heardSince)
        // One device is no proof that a release is bad: its own memory or disk may be. A champion is replaced at most once a day, so that one device cannot
        // make the champion change again and again.
        guard rejecting >= (devices == 1 ? 1 : max(2, RolloutPlan.failures(of: devices))),
            try await archive.aliasHistory(of: .champion, limit: 20).allSatisfy({
                $0.author != RolloutService.author || clock.wallClock - $0.at > .seconds(86_400)
            })
        else { return }
        let reason = "\(rejecting) of \(max(devices, rejecting)) devices rejected the release"
        let changes = RolloutChanges(
            archive: archive, signer: try await ReleaseSigner(of: archive, keyFile: keyFile), pretrained: pretrained)
        let now = clock.wallClock
        try await changes.replaceChampion(champion, by: Archive.Attribution(author: RolloutService.author, reason: reason), now: now)
        log(.warning, "champion rolled back", ["release": champion.counter, "reason": reason])
    }

    /// - Returns: whether the rollout has changed.
    private func perform(_ action: RolloutPlan.Action, _ rollout: Archive.Rollout, _ devices: Archive.RolloutDevices) async throws -> Bool {
        let now = clock.wallClock
        func attribution(_ reason: String) -> Archive.Attribution { Archive.Attribution(author: "rollout \(rollout.id)", reason: reason) }
        let changes = RolloutChanges(
            archive: archive, signer: try await ReleaseSigner(of: archive, keyFile: keyFile), pretrained: pretrained)
        switch action {
        case .wait(let detail):
            try await archive.setRolloutDetail(detail, of: rollout)
            return false
        case .reach(let step):
            let count = rollout.steps.devices(in: step, of: devices.places.count)
            let place = step == rollout.steps.steps.count - 1 ? RolloutPlace.last : devices.place(of: count)
            let share = "\(count) of \(devices.places.count) devices"
            try await changes.reach(rollout, step: step, through: place, by: attribution(share), now: now)
        case .complete(let reason): try await changes.complete(rollout, by: attribution(reason), now: now)
        case .pause(let reason): try await changes.pause(rollout.id, by: attribution(reason), now: now)
        case .rollBack(let reason): try await changes.rollBack(rollout, by: attribution(reason), now: now)
        case .end(let reason): try await changes.end(rollout, by: attribution(reason), now: now)
        }
        guard let moved = try await archive.rollout(rollout.id), moved.state != rollout.state || moved.through != rollout.through else {
            return false
        }
        let event = try await archive.rolloutEvents(of: rollout.id).last
        log(
            [.rolling_back, .paused].contains(moved.state) ? .warning : .info, "rollout moved",
            ["rollout": rollout.id, "release": rollout.release, "event": event?.event ?? "", "state": moved.state.rawValue, "detail": moved.detail])
        return true
    }

    private func facts(_ rollout: Archive.Rollout, _ devices: Archive.RolloutDevices) async throws -> RolloutPlan.Facts {
        var facts = RolloutPlan.Facts()
        (facts.devices, facts.reached, facts.reporting) = (devices.places.count, devices.reached.count, devices.reporting)
        facts.isStopped = try await archive.releaseStop() != nil
        facts.isBlocked = try await archive.releaseBlock(of: rollout.release) != nil
        if rollout.isReturning { return facts }
        facts.refusing = try await reader.refusals(of: devices.notReporting).count
        facts.rejecting = try await reader.rejectingDevices(of: rollout, since: clock.wallClock - RolloutService.heardWithin)
        let reached = devices.reached
        let previous = try await reader.countersWithSameNetwork(as: rollout.control)
        let release = try await reader.liveDays(of: rollout.release, from: 0, rivals: previous) { reached.contains($0) }
        facts.liveDays = release.count
        guard let first = release.first?.day else { return facts }
        let control = release.allSatisfy { $0.targets == 0 } ? [] : try await reader.liveDays(of: rollout.control ?? 0, from: first) { _ in true }
        facts.comparison = ErrorRatio(RolloutEvidence.blocks(release: release, control: control))
        return facts
    }
}
