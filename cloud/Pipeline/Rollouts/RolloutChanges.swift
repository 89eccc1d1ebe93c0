package import Archive
package import Measures
internal import Releases
internal import Wire

/// Changes of rollouts: by a person, by a run, or by the rules of `RolloutPlan`. Each change is one transaction.
package struct RolloutChanges {
    private let archive: Archive
    private let changes: ReleaseChanges
    private let pretrained: PretrainedNetwork?

    package init(archive: Archive, signer: ReleaseSigner, pretrained: PretrainedNetwork?) {
        (self.archive, self.pretrained) = (archive, pretrained)
        changes = ReleaseChanges(archive: archive, signer: signer)
    }

    package struct NoRollout: Error, CustomStringConvertible {
        let id: Int64
        package var description: String { "there is no rollout \(id): vaho-cloud rollout list shows the rollouts" }
    }

    package struct WrongState: Error, CustomStringConvertible {
        package let description: String
    }

    /// Starts a rollout of a stored release.
    /// - Parameter tags: the devices with any of these tags; empty: every device that is not pinned.
    /// - Throws: `NoRelease`, `ReleaseBlocked`, `RolloutInProgress`.
    package func start(_ counter: UInt64, tags: [String], steps: RolloutSteps, by attribution: Archive.Attribution, now: Instant) async throws
        -> Int64
    {
        try await changes.prepared {
            guard try await archive.release(counter: counter) != nil else { throw ReleaseChanges.NoRelease(counter: counter) }
            // Devices may have accepted a newer release, and would refuse this one.
            let again = try await archive.newestCounter() == counter ? nil : try await changes.signAgain(counter, now: now)
            return try await changes.change([], by: attribution, now: now) { archive in
                try ReleaseChanges.checkNotBlocked(counter, archive)
                guard try again != nil || archive.newestCounter() == counter else { throw ReleaseChanges.Outdated() }
                let release = try again.map { try ReleaseChanges.register($0, archive).counter } ?? counter
                return try RolloutChanges.insert(
                    release, tags: tags, steps: steps, cause: attribution.reason, run: nil, isPaused: false, by: attribution, now: now, archive)
            }
        }
    }

    /// Adds a rollout in the transaction of a step or of a change. With the steps `atOnce` and without tags, the release is the champion at once.
    static func insert(
        _ release: UInt64, tags: [String], steps: RolloutSteps, cause: String, run: Int64?, isPaused: Bool, by attribution: Archive.Attribution,
        now: Instant, _ archive: isolated Archive
    ) throws -> Int64 {
        var control = try archive.release(of: .champion)?.counter
        for tag in tags { control = try archive.release(of: .tag(tag))?.counter ?? control }
        let tags = Array(Set(tags)).sorted()
        let id = try archive.insertRollout(
            Archive.NewRollout(release: release, control: control, tags: tags, steps: steps, cause: cause, run: run, isPaused: isPaused),
            by: attribution, now: now)
        try archive.setAliasInTransaction(.challenger, to: release, by: attribution, now: now)
        guard steps == .atOnce, !isPaused, let rollout = try archive.rollout(id) else { return id }
        var reached = Archive.RolloutChange(rollout, event: "reached all devices")
        reached.through = RolloutPlace.last
        try archive.change(rollout, reached, by: attribution, now: now)
        guard let rollout = try archive.rollout(id) else { return id }
        try complete(rollout, by: attribution, now: now, archive)
        return id
    }

    package func pause(_ id: Int64, by attribution: Archive.Attribution, now: Instant) async throws {
        try await change(id, from: [.running], to: .paused, event: "paused", by: attribution, now: now)
    }

    package func resume(_ id: Int64, by attribution: Archive.Attribution, now: Instant) async throws {
        try await change(id, from: [.paused], to: .running, event: "resumed", by: attribution, now: now)
    }

    private func change(
        _ id: Int64, from states: [Archive.Rollout.State], to state: Archive.Rollout.State, event: String, by attribution: Archive.Attribution,
        now: Instant
    ) async throws {
        let rollout = try await rollout(id, in: states)
        var change = Archive.RolloutChange(rollout, event: event)
        change.state = state
        try await archive.changeAliases { [change] archive in try archive.change(rollout, change, by: attribution, now: now) }
    }

    private func rollout(_ id: Int64, in states: [Archive.Rollout.State]) async throws -> Archive.Rollout {
        guard let rollout = try await archive.rollout(id) else { throw NoRollout(id: id) }
        guard states.contains(rollout.state) else {
            let expected = states.map(\.rawValue).joined(separator: " or ")
            throw WrongState(description: "rollout \(id) is \(rollout.state.rawValue): only a rollout that is \(expected) can be changed this way")
        }
        return rollout
    }

    /// Gives the release to the devices up to a place.
    func reach(_ rollout: Archive.Rollout, step: Int, through place: Int64, by attribution: Archive.Attribution, now: Instant) async throws {
        var change = Archive.RolloutChange(rollout, event: "reached \(rollout.steps.steps[step].percent) %")
        (change.step, change.through) = (step, max(place, rollout.through))
        try await archive.changeAliases { [change] archive in try archive.change(rollout, change, by: attribution, now: now) }
    }

    /// Gives the release to all devices at once, and ends the rollout: the release is the champion, or the pin of the tags.
    package func promote(_ id: Int64, by attribution: Archive.Attribution, now: Instant) async throws {
        try await complete(try await rollout(id, in: [.running, .paused]), by: attribution, now: now)
    }

    func complete(_ rollout: Archive.Rollout, by attribution: Archive.Attribution, now: Instant) async throws {
        try await archive.changeAliases { archive in try RolloutChanges.complete(rollout, by: attribution, now: now, archive) }
    }

    private static func complete(
        _ rollout: Archive.Rollout, by attribution: Archive.Attribution, now: Instant, _ archive: isolated Archive
    ) throws {
        try ReleaseChanges.checkNotBlocked(rollout.release, archive)
        var change = Archive.RolloutChange(rollout, event: "completed")
        (change.state, change.step, change.through) = (.completed, rollout.steps.steps.count - 1, RolloutPlace.last)
        try archive.change(rollout, change, by: attribution, now: now)
        for alias in rollout.tags.isEmpty ? [ReleaseAlias.champion] : rollout.tags.map({ .tag($0) }) {
            try archive.setAliasInTransaction(alias, to: rollout.release, by: attribution, now: now)
        }
        try archive.setAliasInTransaction(.challenger, to: nil, by: attribution, now: now)
    }

    package func abort(_ id: Int64, by attribution: Archive.Attribution, now: Instant) async throws {
        let rollout = try await rollout(id, in: [.running, .paused, .aborting, .rolling_back])
        // The rollback has begun already: end it now, although some devices do not report the previous release yet.
        if rollout.isReturning { return try await end(rollout, by: attribution, now: now) }
        do { try await goBack(rollout, to: .aborting, by: attribution, now: now) } catch let needed as SignatureNeeded {
            let text = "\(attribution.reason); \(needed)"
            try await hold(rollout, isBlocked: false, by: attribution.because(text), now: now)
            throw needed
        }
    }

    /// Takes the release back from the devices and blocks it.
    func rollBack(_ rollout: Archive.Rollout, by attribution: Archive.Attribution, now: Instant) async throws {
        do { try await goBack(rollout, to: .rolling_back, by: attribution, now: now) } catch let needed as SignatureNeeded {
            let text = "\(attribution.reason); \(needed)"
            try await hold(rollout, isBlocked: true, by: attribution.because(text), now: now)
        }
    }

    /// Stops giving the release to more devices while the previous release waits for a signature.
    private func hold(_ rollout: Archive.Rollout, isBlocked: Bool, by attribution: Archive.Attribution, now: Instant) async throws {
        var change = Archive.RolloutChange(rollout, event: isBlocked ? "blocked and paused" : "paused")
        change.state = .paused
        try await archive.changeAliases { [change] archive in
            if isBlocked { try archive.blockReleaseInTransaction(rollout.release, by: attribution, now: now) }
            if rollout.state == .paused { return try archive.setRolloutDetail(attribution.reason, of: rollout) }
            try archive.change(rollout, change, by: attribution, now: now)
        }
    }

    /// Signs the previous release again, because devices that have the new release accept only a higher counter.
    private func goBack(
        _ rollout: Archive.Rollout, to state: Archive.Rollout.State, by attribution: Archive.Attribution, now: Instant
    ) async throws {
        try await changes.prepared {
            let isReached = rollout.through != RolloutPlace.none
            let targets = isReached ? try await archive.targets(of: rollout) : []
            let renewals = try await changes.renewals(of: targets, now: now)
            let isWithoutChampion = !targets.contains { $0.alias == .champion } && targets.count < max(1, rollout.tags.count)
            let shipped = isReached && isWithoutChampion ? try await shippedRelease(after: renewals.last?.release.header.counter, now: now) : nil
            // Without anything to offer there is nothing to wait for.
            let isOffered = isReached && !(targets.isEmpty && shipped == nil)
            var change = Archive.RolloutChange(rollout, event: state == .aborting ? "aborted" : "rolled back")
            change.state = isOffered ? state : state == .aborting ? .aborted : .rolled_back
            try await archive.changeAliases { [change] archive in
                try archive.change(rollout, change, by: attribution, now: now)
                if state == .rolling_back { try archive.blockReleaseInTransaction(rollout.release, by: attribution, now: now) }
                try archive.setAliasInTransaction(.challenger, to: nil, by: attribution, now: now)
                guard try archive.targets(of: rollout, isReached: isReached) == targets else { throw ReleaseChanges.Outdated() }
                for renewal in renewals {
                    let name = try ReleaseChanges.register(renewal.release, archive)
                    try archive.setAliasInTransaction(renewal.target.alias, to: name.counter, by: attribution, now: now)
                }
                if let shipped {
                    let name = try ReleaseChanges.register(shipped, archive)
                    try archive.setAliasInTransaction(.champion, to: name.counter, by: attribution, now: now)
                }
            }
        }
    }

    /// The shipped release as a release of this fleet; `nil` if this program has none.
    private func shippedRelease(after counter: UInt64? = nil, now: Instant) async throws -> ReleaseChanges.SignedRelease? {
        guard let pretrained else { return nil }
        return try await changes.sign(pretrained.release, run: nil, after: counter, now: now)
    }

    /// Blocks the champion and makes the champion before it, else the shipped release, the champion. Without either there is no champion.
    func replaceChampion(_ champion: ReleaseReference, by attribution: Archive.Attribution, now: Instant) async throws {
        try await changes.prepared {
            let earlier = try await changes.earlierChampion()
            var release: ReleaseChanges.SignedRelease?
            var attribution = attribution
            do {
                if let earlier { release = try await changes.signAgain(earlier, now: now) } else { release = try await shippedRelease(now: now) }
            } catch let needed as SignatureNeeded {
                // Without a champion, devices keep what they have, and go back by themselves.
                attribution = attribution.because("\(attribution.reason); \(needed)")
            }
            try await archive.changeAliases { [release, attribution] archive in
                guard try archive.release(of: .champion) == champion else { return }
                try archive.checkNoRollout()
                try archive.blockReleaseInTransaction(champion.counter, by: attribution, now: now)
                let name = try release.map { try ReleaseChanges.register($0, archive) }
                try archive.setAliasInTransaction(.champion, to: name?.counter, by: attribution, now: now)
            }
        }
    }

    /// Ends a rollout whose devices have the previous release again.
    func end(_ rollout: Archive.Rollout, by attribution: Archive.Attribution, now: Instant) async throws {
        var change = Archive.RolloutChange(rollout, event: "ended")
        change.state = rollout.state == .aborting ? .aborted : .rolled_back
        try await archive.changeAliases { [change] archive in try archive.change(rollout, change, by: attribution, now: now) }
    }
}

extension Archive {
    /// The aliases that assigned the previous release to the devices of a rollout; empty if these devices used the shipped release.
    fileprivate func targets(of rollout: Rollout, isReached: Bool = true) throws -> [AliasTarget] {
        guard isReached else { return [] }
        var targets = try rollout.tags.compactMap { try target(.tag($0)) }
        if targets.count < max(1, rollout.tags.count), let champion = try target(.champion) { targets.append(champion) }
        return targets
    }
}
