package import Archive
internal import Measures
package import Runtime

/// Starts training runs: when enough observations have arrived since the last run, and at the times of a schedule.
package struct RunTriggers: Service {
    private let archive: Archive
    private let afterDeviceDays: Double
    private let schedule: CalendarSchedule?
    private let checkPeriod: Duration
    private let clock: ServiceClock
    private let log: Log

    /// - Parameters:
    ///   - afterDeviceDays: the device-days of observations since the last run that start a new run.
    ///   - schedule: starts a run at each of its times; several missed times start one run.
    package init(
        archive: Archive, afterDeviceDays: Double, schedule: CalendarSchedule?, checkPeriod: Duration, clock: ServiceClock = .host, log: Log
    ) {
        (self.archive, self.afterDeviceDays, self.schedule) = (archive, afterDeviceDays, schedule)
        (self.checkPeriod, self.clock, self.log) = (checkPeriod, clock, log)
    }

    package func run() async throws {
        while true {
            try await clock.sleep(for: schedule == nil ? checkPeriod : min(checkPeriod, .seconds(30)))
            do { try await check() } catch is CancellationError { throw CancellationError() } catch is Archive.RunInProgress {
                // The next check uses the result of that run.
            } catch {
                log(.error, "training run not started", ["error": "\(error)"])
            }
        }
    }

    private func check() async throws {
        let now = clock.wallClock
        if let next = schedule?.next(after: now) {
            if try await archive.isDue(RunWorker.kind, at: now, next: next) {
                try await start("schedule", at: now)
                return try await archive.setDue(RunWorker.kind, at: next)
            }
        } else {
            try await archive.removeSchedule(RunWorker.kind)
        }
        let days = try await archive.observedDays()
        let learnt = try await archive.runs(limit: 1).first
        guard learnt?.endedAt != nil || learnt == nil, days - (learnt?.deviceDays ?? 0) >= afterDeviceDays else { return }
        try await start("new data", at: now)
    }

    private func start(_ cause: String, at now: Instant) async throws {
        let run = try await archive.startRun(kind: RunWorker.kind, cause: cause, author: "", now: now)
        log(.info, "training run started", ["run": run.id, "cause": cause])
    }
}
