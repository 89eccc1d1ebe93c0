package import Archive
package import Runtime
internal import Wire

/// Starts a training run when enough observations have arrived since the last run.
package struct TrainingScheduler: Service {
    private let archive: Archive
    private let reader: Archive
    private let afterDeviceDays: Double
    private let checkPeriod: Duration
    private let keyFile: String
    private let pretrained: PretrainedNetwork?
    private let clock: ServiceClock
    private let log: Log

    /// - Parameter afterDeviceDays: the device-days of observations since the last run that start a new run.
    package init(
        archive: Archive, reader: Archive, afterDeviceDays: Double, checkPeriod: Duration, keyFile: String, pretrained: PretrainedNetwork?,
        clock: ServiceClock = .host,
        log: Log
    ) {
        self.archive = archive
        self.reader = reader
        self.afterDeviceDays = afterDeviceDays
        self.checkPeriod = checkPeriod
        self.keyFile = keyFile
        self.pretrained = pretrained
        self.clock = clock
        self.log = log
    }

    package func run() async throws {
        while true {
            try await clock.sleep(for: checkPeriod)
            do { try await check() } catch is CancellationError { throw CancellationError() } catch is Training.InProgress {
                // A person has started a run with `vaho-cloud train`. The next check uses that run's result.
            } catch {
                log(.error, "training run failed", ["error": "\(error)"])
            }
        }
    }

    private func check() async throws {
        let days = try await reader.observedDays()
        let learnt = try await reader.runs(limit: 1).first?.deviceDays ?? 0
        guard days - learnt >= afterDeviceDays else { return }
        let started = clock.now
        let result = try await Training(archive: archive, reader: reader, keyFile: keyFile, pretrained: pretrained).run(
            cause: "new data", now: clock.wallClock)
        guard result.outcome != .unchanged else { return }
        log(
            .info, "training run ended",
            [
                "outcome": result.outcome.rawValue, "device_days": Int(days), "seconds": (clock.now - started).components.seconds,
                "release": result.release.map { String($0.counter) } ?? "none", "detail": result.detail,
            ])
    }
}
