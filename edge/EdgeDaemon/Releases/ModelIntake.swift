package import EdgeStore
internal import Measures
internal import Releases
package import Runtime
package import Signing
internal import Text
internal import TrustedReleases
package import Wire

/// Checks and stores releases: keeps the release in use and the last good release on disk, and loads a release at the first
/// call of `load`.
package actor ModelIntake {
    private let executor = BlockingExecutor(label: "model-intake")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    package nonisolated let active = ActiveRelease()
    private let folder: ReleaseFolder
    private let pretrained: String?
    private let store: ReadingStore?
    private let serviceClock: ServiceClock
    private let log: Log
    private var isLoaded = false
    private var fetches = FetchBackoff()
    private var activeBytes: [UInt8]?  // bytes of the last good release, even if its file is damaged later
    package private(set) var refusal: String?  // why the last offered release was refused

    /// - Parameters:
    ///   - pretrained: the file of the shipped release; `nil` without one.
    ///   - store: stores the counter of the last accepted release; `nil` for commands that only read.
    package init(
        folder: String, keyFile: String?, pretrained: String? = nil, store: ReadingStore?, serviceClock: ServiceClock = .host, log: Log
    ) {
        self.serviceClock = serviceClock
        self.folder = ReleaseFolder(path: folder, keyFile: keyFile)
        self.pretrained = pretrained
        self.store = store
        self.log = log
    }

    package static func trustedKeysPath(in folder: String) -> String { ReleaseFolder.trustedKeysPath(in: folder) }
    package static func trustedKeys(keyFile: String?, folder: String) throws -> [PublicKey] {
        try ReleaseFolder.trustedKeys(keyFile: keyFile, folder: folder)
    }

    /// Loads the release in use. If its file is damaged, loads the last good release; if that file is damaged too or missing, the shipped
    /// release. Only the first call loads. The daemon does not load at its start, because checking the golden vectors takes tenths of a second
    /// and would delay sampling: each user of a release calls `load` first.
    package func load() {
        guard !isLoaded else { return }
        isLoaded = true
        for path in folder.candidates {
            do {
                let bytes = try folder.read(path)
                let release = try folder.trust().open(bytes)
                let name = ReleaseReference(counter: release.header.counter, sha256: SHA256.digest(bytes))
                active.replace(with: ActiveRelease.Named(name: name, release: release))
                activeBytes = bytes
                log(.info, "release in use", ["counter": name.counter, "model": release.header.modelID])
                if release.isExpired(at: serviceClock.wallClock) {
                    log(.warning, "release expired, forecasting continues", ["counter": name.counter])
                }
                return
            } catch {
                log(.error, "stored release not usable", ["file": path, "error": "\(error)"])
            }
        }
        loadShipped()
    }

    private func loadShipped() {
        guard let pretrained else {
            log(
                .warning, "no shipped release found: the damped anomaly method forecasts until the cloud sends a release",
                ["file": ShippedRelease.fileName])
            return
        }
        do {
            let bytes = try folder.read(pretrained)
            let sha256 = SHA256.digest(bytes)
            let release = try ReleaseTrust.shipped.open(bytes)
            active.replace(with: ActiveRelease.Named(name: ReleaseReference(counter: release.header.counter, sha256: sha256), release: release))
            log(.info, "shipped release in use", ["model": release.header.modelID])
        } catch {
            log(.error, "shipped release not usable: the damped anomaly method forecasts", ["file": pretrained, "error": "\(error)"])
        }
    }

    /// Whether to fetch this release now: it is not in use, was not refused, and no recent fetch failed.
    package func shouldFetch(_ name: ReleaseReference) -> Bool {
        load()
        return active.current?.name != name && fetches.allows(name, at: serviceClock.now)
    }

    package func fetchFailed(_ name: ReleaseReference?) { fetches.failed(name, at: serviceClock.now) }

    /// How far a counter (seconds) may be ahead of the clock. No cloud can have assigned a higher counter by now, whatever its clock shows;
    /// after accepting a higher counter the device would accept no later release.
    private static let maximumAheadOfClock: Duration = .seconds(20 * 366 * 86_400)
    private static func highestCounter(now: Instant) -> UInt64 {
        UInt64(max(0, (max(now, ClockDiscipline.earliest) + maximumAheadOfClock).ms / 1_000))
    }

    /// Checks a release and switches to it. Nothing changes before the last check has passed.
    package func install(_ bytes: [UInt8], as offered: ReleaseReference?) async {
        load()
        let sha256 = SHA256.digest(bytes)
        do {
            let accepted = try await store?.read { try $0.meta.acceptedRelease() }
            // After a crash between storing the counter and the switch, the same file is offered again and must be accepted.
            let isRepeat = accepted.map { $0.sha256 == Hexadecimal.text(sha256) } ?? false
            let highest = ModelIntake.highestCounter(now: serviceClock.wallClock)
            let last = accepted.map { $0.counter <= highest ? $0.counter : 0 } ?? 0
            var demand = ReleaseVerification.Requirements(sha256: offered?.sha256, lastAcceptedCounter: isRepeat ? nil : last)
            (demand.counter, demand.maximumCounter) = (offered?.counter, highest)
            let release = try folder.trust().open(bytes, demand)
            try folder.stage(bytes)
            let counter = release.header.counter
            try await store?.write { try $0.meta.acceptRelease(counter: counter, sha256: Hexadecimal.text(sha256)) }
            try folder.activateStaged(replacing: activeBytes)
            let name = ReleaseReference(counter: release.header.counter, sha256: sha256)
            active.replace(with: ActiveRelease.Named(name: name, release: release))
            activeBytes = bytes
            refusal = nil
            fetches.succeeded()
            log(.info, "release accepted", ["counter": name.counter, "model": release.header.modelID, "sha256": Hexadecimal.text(sha256.prefix(6))])
        } catch {
            // Transfer damage and a full disk are temporary; a fault of the file itself is permanent.
            if let error = error as? ReleaseRefusal, error.isFinal { fetches.refused(offered) }
            fetchFailed(offered)
            refusal = "\(error)"
            log(
                .error, "release refused",
                ["counter": offered?.counter ?? 0, "reason": (error as? ReleaseRefusal)?.reason ?? "io", "error": "\(error)"])
        }
    }
}
