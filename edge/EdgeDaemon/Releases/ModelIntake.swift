internal import Bytes
package import Measures
internal import Releases
package import Runtime
internal import Signing
internal import Text
internal import TrustedReleases
package import Wire

/// The releases of this device: loads the release in use at the first call of `load`, takes new releases, and goes back to the last good one.
package actor ModelIntake {
    /// Whether this process may change the release slots: commands only read, the daemon also writes.
    package enum Access: Sendable {
        case readOnly  // a command
        case daemon(boot: UInt32, now: @Sendable () -> Instant)  // the time of the readings
    }

    private let executor = BlockingExecutor(label: "model-intake")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    package nonisolated let active = ActiveRelease()
    var folder: ReleaseFolder
    private let pretrained: String?
    private let access: Access
    let serviceClock: ServiceClock
    let log: Log
    private(set) var isLoaded = false
    private var isSaved = true  // whether the slots on the disk are the slots in memory
    private var maySave = true  // false if the file of the slots exists and cannot be read: it must not be replaced
    var fetches = FetchBackoff()
    var keySets = KeySetSchedule()
    var trustChangedAt: ContinuousClock.Instant?  // a key set was accepted, and the releases in use are not checked against it yet
    package internal(set) var slots = ReleaseSlots()
    package internal(set) var refusal: String?  // why the last offered release was refused

    /// - Parameter pretrained: the file of the shipped release; `nil` without one.
    package init(
        folder: String, keyFile: String?, pretrained: String? = nil, access: Access, serviceClock: ServiceClock = .host, log: Log
    ) {
        self.serviceClock = serviceClock
        self.folder = ReleaseFolder(path: folder, keys: KeyFiles(folder: folder, configured: keyFile))
        self.pretrained = pretrained
        self.access = access
        self.log = log
    }

    /// The time of the readings: in a replay, the time of the recordings.
    var now: Instant { if case .daemon(_, let now) = access { now() } else { serviceClock.wallClock } }

    /// Loads the release in use. If its file is damaged, loads the last good release; if that file is damaged too or missing, the shipped
    /// release. Only the first call loads. The daemon does not load at its start, because checking the golden vectors takes tenths of a second
    /// and would delay sampling: each user of a release calls `load` first.
    package func load() {
        guard !isLoaded else { return }
        isLoaded = true
        readSlots()
        if case .daemon(let boot, _) = access {
            slots.markStarted(boot: boot, boottimeMs: BootTime.nowMs)
            if slots.isCrashLoop { reject(.crashLoop, "the program crashed and restarted three times within ten minutes") }
            saveSlots()
        }
        activate()
    }

    private func readSlots() {
        do {
            if let found = try folder.slots() { return slots = found }
        } catch let error as FileError {
            maySave = false
            return log(.error, "release-slots file not readable: using the shipped release until the next start", ["error": "\(error)"])
        } catch {
            log(.error, "release-slots file damaged, rebuilding it from the release files", ["error": "\(error)"])
        }
        // Without slots, use the valid release file with the highest counter; the file with the second highest counter is the last good release.
        var found: [(name: ReleaseReference, bytes: [UInt8])] = []
        for file in folder.releaseFiles() {
            guard let bytes = try? folder.read(file: file), let release = try? folder.trust().open(bytes) else { continue }
            found.append((ReleaseReference(counter: release.header.counter, sha256: SHA256.digest(bytes)), bytes))
        }
        found.sort { $0.name.counter < $1.name.counter }
        for (name, bytes) in found.suffix(2) {
            if case .daemon = access { try? folder.write(name, bytes) }
            slots.lastGood = slots.active?.name
            slots.active = ReleaseSlots.Active(name: name, since: Instant(ms: 0))
            slots.acceptedCounter = name.counter
        }
    }

    /// Opens the releases that the slots name. A release that cannot be used is replaced by the last good one, then by the shipped one.
    func activate() {
        var named: NamedRelease?
        // A file that cannot be read now, or whose key is not trusted now, stays: only this run of the program uses another release.
        var usable = slots
        func lose(_ name: ReleaseReference, _ error: any Error) {
            usable.lose(name, now: now)
            guard folder.isLost(name, error) else { return }
            slots.lose(name, now: now)
            isSaved = false
        }
        while named == nil, let slot = usable.active {
            do {
                named = try open(slot.name)
                named?.since = slot.since
            } catch let error as ReleaseRefusal where error.reason == "golden" && usable == slots {
                reject(.golden, "\(error)")
                usable = slots
            } catch {
                log(.error, "stored release not usable", ["counter": slot.name.counter, "error": "\(error)"])
                lose(slot.name, error)
            }
        }
        let shipped = openShipped(isInUse: named == nil)
        if named == nil {
            named = shipped
        } else if let lastGood = usable.lastGood {
            do { named?.setRival(try open(lastGood)) } catch {
                log(.error, "last good release not usable", ["counter": lastGood.counter, "error": "\(error)"])
                lose(lastGood, error)
            }
        }
        if usable.active != nil, usable.lastGood == nil, let shipped { named?.setRival(shipped) }
        active.replace(with: named)
        saveSlots()
        if let named, usable.active != nil {
            log(.info, "release in use", ["counter": named.name.counter, "model": named.release.header.modelID])
            if named.release.isExpired(at: now) { log(.warning, "release expired, forecasting continues", ["counter": named.name.counter]) }
        }
    }

    private func open(_ name: ReleaseReference) throws -> NamedRelease {
        let bytes = try folder.read(name)
        let release = try folder.trust().open(bytes, ReleaseVerification.Requirements(sha256: name.sha256))
        return NamedRelease(name: name, release: release)
    }

    private func openShipped(isInUse: Bool) -> NamedRelease? {
        guard let pretrained else {
            if isInUse {
                log(
                    .warning, "no shipped release found: the damped anomaly method forecasts until the cloud sends a release",
                    ["file": ShippedRelease.fileName])
            }
            return nil
        }
        do {
            let bytes = try folder.read(file: pretrained)
            let release = try ReleaseTrust.shipped.open(bytes)
            if isInUse { log(.info, "shipped release in use", ["model": release.header.modelID]) }
            return NamedRelease(
                name: ReleaseReference(counter: release.header.counter, sha256: SHA256.digest(bytes)), release: release)
        } catch {
            log(.error, "shipped release not usable: the damped anomaly method forecasts", ["file": pretrained, "error": "\(error)"])
            return nil
        }
    }

    // MARK: changes of the slots

    /// Stores the slots. On a full disk the change is used without being stored; a later call stores it.
    func saveSlots() {
        guard case .daemon = access, maySave else { return }
        do {
            try folder.save(slots)
            folder.deleteUnused(slots)
            isSaved = true
        } catch {
            if isSaved { log(.error, "release slots not stored, retrying", ["error": "\(error)"]) }
            isSaved = false
        }
    }

    package func retrySave() { if isLoaded, !isSaved { saveSlots() } }

    @discardableResult
    private func reject(_ reason: ReleaseRejection.Reason, _ detail: String) -> Bool {
        guard let rejection = slots.goBack(reason, detail: detail, now: now) else { return false }
        isSaved = false
        log(
            .error, "release rejected, rolling back to the last good release",
            [
                "counter": rejection.release.counter, "reason": reason.name, "detail": detail,
                "last_good": slots.active.map { "\($0.name.counter)" } ?? "shipped",
            ])
        return true
    }

    /// Rejects the release in use permanently and activates the last good release.
    /// - Parameter counter: of the release that is at fault. Nothing changes if another release is in use by now.
    /// - Returns: whether the release changed.
    @discardableResult
    package func goBack(from counter: UInt64, _ reason: ReleaseRejection.Reason, detail: String) -> Bool {
        load()
        guard slots.active?.name.counter == counter, reject(reason, detail) else { return false }
        activate()
        return true
    }

    /// Records an orderly stop of the daemon, so that it does not count as a crash.
    package func markStopped() {
        guard isLoaded else { return }
        slots.markStopped()
        saveSlots()
    }
}

extension NamedRelease {
    /// - Parameter other: compared only if it has other weights.
    fileprivate mutating func setRival(_ other: NamedRelease) {
        guard other.release.network != release.network else { return }
        rival = NamedRelease.Rival(name: other.name, network: other.release.network)
    }
}
