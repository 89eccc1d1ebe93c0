package import Archive
internal import Measures
package import Runtime
internal import Watch
internal import Wire

/// Starts training runs: when enough observations have arrived since the last run that counted them, at the times of a schedule, and when the champion
/// forecasts worse than in its backtest.
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
                // The next check decides again.
            } catch {
                log(.error, "training run not started", ["error": "\(error)"])
            }
        }
    }

    private func check() async throws {
        let now = clock.wallClock
        if let next = schedule?.next(after: now) {
            if try await archive.checkDue(RunWorker.kind, at: now, next: next) {
                try await start("schedule", at: now)
                return try await archive.setDue(RunWorker.kind, at: next)
            }
        } else {
            try await archive.removeSchedule(RunWorker.kind)
        }
        // A candidate of a run during a rollout could not be rolled out.
        guard try await archive.unfinishedRollout() == nil else { return }
        let (days, runs) = (try await archive.observedDays(), try await archive.runs(limit: 50))
        if RunTriggers.hasEnoughNewData(days: days, runs: runs, afterDeviceDays: afterDeviceDays, now: now) {
            return try await start("new data", at: now)
        }
        let judgements = try await archive.modelJudgements()
        guard let champion = try await archive.release(of: .champion), judgements.first?.release == champion.counter,
            let cause = RunTriggers.cause(judgements, runs: runs, now: now)
        else { return }
        try await start(cause, at: now)
    }

    private static let minimumLeadTimes = 2
    /// After any run, the model's health starts the next run not before this time: a run that could not help is not repeated at once.
    private static let healthCooldown: Duration = .seconds(7 * 86_400)

    /// - Parameter runs: newest first.
    /// - Returns: the cause of the run that the health of the champion needs; `nil` for none.
    static func cause(_ judgements: [Archive.ModelJudgement], runs: [Archive.Run], now: Instant) -> String? {
        if let newest = trainings(runs).first {
            guard let endedAt = newest.endedAt, now - endedAt >= healthCooldown else { return nil }
        }
        for (state, name) in [(ModelHealth.State.decayed, "decay"), (.miscalibrated, TrainingRun.miscalibration)] {
            let leads = judgements.filter { $0.health.state == state }.map { "\($0.lead.wholeSeconds / 3_600) h" }
            if leads.count >= minimumLeadTimes { return "\(name) at " + leads.joined(separator: ", ") }
        }
        return nil
    }

    /// After a run that failed or was cancelled, new data starts the next run not before this time.
    private static let cooldown: Duration = .seconds(6 * 3_600)

    /// The least share of new observations that starts a run. In a large fleet a fixed number of device-days would arrive every few minutes.
    private static let minimumGrowth = 0.05

    /// - Parameters:
    ///   - days: device-days of observations.
    ///   - runs: newest first.
    static func hasEnoughNewData(days: Double, runs: [Archive.Run], afterDeviceDays: Double, now: Instant) -> Bool {
        let runs = trainings(runs)
        if let newest = runs.first {
            guard let endedAt = newest.endedAt else { return false }
            let isUnfinished = [RunOutcome.failed, .cancelled].contains { $0.rawValue == newest.outcome }
            if isUnfinished, now - endedAt < cooldown { return false }
        }
        // A run that failed before it counted the days has none.
        let learnt = runs.first { $0.deviceDays > 0 }?.deviceDays ?? 0
        return days - learnt >= max(afterDeviceDays, learnt * minimumGrowth)
    }

    /// The runs that train. A run that judges a network made elsewhere does not put off the next training.
    private static func trainings(_ runs: [Archive.Run]) -> [Archive.Run] { runs.filter { !TrainingRun.isGiven(cause: $0.cause) } }

    private func start(_ cause: String, at now: Instant) async throws {
        let run = try await archive.startRun(kind: RunWorker.kind, cause: cause, by: nil, now: now)
        log(.info, "training run started", ["run": run.id, "cause": cause])
    }
}
