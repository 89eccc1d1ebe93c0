internal import API
internal import Archive
internal import Console
internal import HTTPClient
internal import HTTPServer
internal import Measures
internal import Pipeline
internal import Runtime
internal import Signing
internal import TrustedReleases

extension Program.Command {
    static let serve = Program.Command(
        "serve", "store batches, train models, serve releases, API and page", usage: "[--store STORE] [--listen ADDRESS:PORT] [--config FILE]",
        options: [.config, .store, Arguments.Option("listen", value: "ADDRESS:PORT", "address to listen on (VAHO_LISTEN, default 127.0.0.1:8080)")]
    ) { arguments in
        let settings = try CloudSettings.read(arguments)
        let log = Log("vaho-cloud", minimumLevel: settings.logLevel)
        let stop = StopSignal(log: log)
        // Commands may open an archive in a folder while the server runs, but not a second server: it would have caches of its own. Any number of
        // servers may share a PostgreSQL database.
        func open(_ access: ArchiveAccess) async throws -> Archive { try await whenReachable(log) { try await settings.archive(access) } }
        let archive = try await open(.createIfMissing)
        // With PostgreSQL, each claim uses a connection of its own. If this connection is lost, the archive waits for a new one. Claims use a second
        // archive, so that the ingest does not wait.
        let scheduling = settings.store.folder == nil ? try await open(.existing) : archive
        guard try await whenReachable(log, { try await scheduling.claim(.serving, isShared: true) }) else {
            throw CommandFailure("\(settings.store) is in use by another server or by vaho-cloud migrate: stop that program, or choose another store")
        }
        try await whenReachable(log) { try await archive.checkMigration() }
        let signer = try await whenReachable(log) { try await ReleaseSigner(of: archive, keyFile: settings.signingKeyFile) }
        let pageReader = try await open(.readOnly)
        let derivationWakeUps = Inbox<Void>(limit: 1)
        _ = derivationWakeUps.enqueue(())  // starts the derivation of batches that the previous run did not derive
        let freeSpaceGuard = FreeSpaceGuard(folder: settings.store.folder, minimumFreeBytes: settings.minimumFreeBytes)
        let ingest = Ingest(archive: archive, wake: derivationWakeUps, freeSpaceGuard: freeSpaceGuard, log: log.component("ingest"))
        var pretrained: PretrainedNetwork?
        do { pretrained = try settings.pretrained() } catch {
            log(.error, "shipped release not usable, the first training starts from random weights", ["error": "\(error)"])
        }
        let listening = CloudAPI.Listening(
            address: settings.listen.address, port: settings.listen.port,
            hosts: HostNames(isLoopback: settings.listen.isLoopback, allowed: settings.allowedHosts), tls: settings.tls,
            connections: OpenFiles.raiseLimit(toFit: settings.connections))
        log(.info, "running", ["store": settings.store, "release_keys": signer.ring.releaseKeys.map(\.hexadecimal).joined(separator: " ")])
        // With PostgreSQL, a derivation spends much of its time waiting for the database, so two derivations run in parallel, each with its own
        // connection. The second one looks for devices with new batches every 3 s.
        var secondDerivation: [any Service] = []
        if settings.store.folder == nil {
            let wakeUps = Inbox<Void>(limit: 1)
            secondDerivation = [
                Derivation(
                    archive: try await open(.existing), reader: try await open(.readOnly), wake: wakeUps,
                    log: log.component("derive")),
                DerivationPoll(wake: wakeUps),
            ]
        }
        var mirror: [any Service] = []
        if let url = settings.mlflowURL {
            mirror = [
                MLflowMirror(
                    archive: scheduling, url: url, token: settings.mlflowToken, settings: HTTPClient.Settings(userAgent: "vaho-cloud"),
                    log: log.component("mlflow"))
            ]
        }
        try await Services.run(
            secondDerivation + [
                stop, ingest, Derivation(archive: archive, reader: try await open(.readOnly), wake: derivationWakeUps, log: log.component("derive")),
                CloudAPI(
                    listening, archive: archive, reader: pageReader, tokenReader: try await open(.readOnly), ingest: ingest,
                    freeSpaceGuard: freeSpaceGuard,
                    keyFile: settings.signingKeyFile, pretrained: pretrained,
                    rolloutSteps: settings.rolloutSteps,
                    forecasts: FleetForecasts(reader: try await open(.readOnly), pretrained: pretrained), version: CloudVersion.text,
                    access: settings.access,
                    log: log.component("api")),
                DerivationPoll(wake: derivationWakeUps), ServingClaim(archive: scheduling),
                RunService(
                    archive: scheduling,
                    worker: RunWorker(
                        archive: scheduling, reader: try await open(.readOnly), keyFile: settings.signingKeyFile, pretrained: pretrained,
                        rolloutSteps: settings.rolloutSteps),
                    log: log.component("train")),
                ElectedServices(
                    archive: scheduling,
                    services: mirror + [
                        SilenceWatch(archive: scheduling, limit: settings.silentAfter, log: log.component("watch")),
                        DeviceAlarmDelivery(archive: scheduling, webhook: settings.webhook, log: log.component("watch")),
                        DeviceStateUpdater(archive: scheduling, log: log.component("watch")),
                        DeviceDeletions(archive: scheduling, log: log.component("delete")),
                        Retention(archive: scheduling, keep: settings.retention, log: log.component("retention")),
                        ScheduledForecasts(
                            archive: scheduling, forecasts: FleetForecasts(reader: try await open(.readOnly), pretrained: pretrained),
                            schedule: settings.forecastSchedule, retention: settings.forecastRetention, log: log.component("forecast")),
                        RunNotification(
                            archive: scheduling, webhook: settings.webhook, keyFile: settings.signingKeyFile, log: log.component("train")),
                        RolloutService(
                            archive: scheduling, reader: try await open(.readOnly), keyFile: settings.signingKeyFile, pretrained: pretrained,
                            log: log.component("rollout")),
                        SensorWatch(archive: scheduling, reader: try await open(.readOnly), log: log.component("watch")),
                        ModelWatch(archive: scheduling, reader: try await open(.readOnly), log: log.component("watch")),
                        SensorAlarmDelivery(archive: scheduling, webhook: settings.webhook, log: log.component("watch")),
                        SnapshotUpkeep(archive: scheduling, log: log.component("snapshot")),
                        RunTriggers(
                            archive: scheduling, afterDeviceDays: settings.trainAfterDeviceDays, schedule: settings.trainSchedule,
                            checkPeriod: settings.trainCheckPeriod, log: log.component("train")),
                    ], log: log.component("schedule")),
            ])
        log(.info, "stopped")
    }
}

/// Runs a step of the server's start. While the database cannot be reached, repeats the step for up to 30 s, because the server and its database
/// may start at the same time.
private func whenReachable<Result>(_ log: Log, _ step: () async throws -> Result) async throws -> Result {
    let deadline = ContinuousClock.now + .seconds(30)
    var pauses = RetryPause(first: .milliseconds(500), longest: .seconds(5))
    while true {
        do { return try await step() } catch let error as any DatabaseFailure where error.isRetryable && .now < deadline {
            let pause = pauses.next()
            log(.warning, "database cannot be reached, retrying", ["error": "\(error)", "after_ms": pause.ms])
            try await Task.sleep(for: pause)
        }
    }
}
