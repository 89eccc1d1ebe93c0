package import Archive
package import Runtime
internal import Wire

/// Starts a training run when enough has come since the last one.
package struct TrainingScheduler: Service {
    private let archive: Archive
    private let reader: Archive
    private let afterDeviceDays: Double
    private let checkPeriod: Duration
    private let pretrained: Pretrained?
    private let log: Log

    /// - Parameter afterDeviceDays: of observations since the last run.
    package init(archive: Archive, reader: Archive, afterDeviceDays: Double, checkPeriod: Duration, pretrained: Pretrained?, log: Log) {
        self.archive = archive
        self.reader = reader
        self.afterDeviceDays = afterDeviceDays
        self.checkPeriod = checkPeriod
        self.pretrained = pretrained
        self.log = log
    }

    package func run() async throws {
        while true {
            try await Task.sleep(for: checkPeriod)
            do { try await check() } catch is CancellationError { throw CancellationError() } catch is Training.InProgress {
                // By hand: the next look finds what it has left.
            } catch {
                log(.error, "training run failed", ["error": "\(error)"])
            }
        }
    }

    private func check() async throws {
        let days = try await reader.observedDays()
        let learnt = try await reader.runs(limit: 1).first?.deviceDays ?? 0
        guard days - learnt >= afterDeviceDays else { return }
        let started = ContinuousClock.now
        let result = try await Training(archive: archive, reader: reader, pretrained: pretrained).run(cause: "new data", now: ReadingClock.wallClock)
        guard result.outcome != .unchanged else { return }
        log(
            .info, "training run ended",
            [
                "outcome": result.outcome.rawValue, "device_days": Int(days), "seconds": (ContinuousClock.now - started).components.seconds,
                "release": result.release.map { String($0.counter) } ?? "none", "detail": result.detail,
            ])
    }
}
