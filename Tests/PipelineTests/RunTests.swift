import ArchiveExamples
import Examples
import Measures
import Runtime
import Testing
import Watch
import Text
import Wire

@testable import Archive
@testable import Pipeline

/// Runs, apart from the training itself.
@Suite(.timeLimit(.minutes(1))) struct RunTests {
    private let place = TemporaryArchive()
    private let now = Instant(ms: 1_795_000_000_000)

    @Test func `if many programs start a run at once, one succeeds and the others get the number of its run`() async throws {
        let archives = try await [place.open(), place.open(), place.open(), place.open()]
        let results = await withTaskGroup(of: Result<Int64, any Error>.self) { group in
            for number in 0..<20 {
                let archive = archives[number % archives.count]
                group.addTask { [now] in
                    do {
                        return .success(try await archive.startRun(kind: "training", cause: "manual", by: .named("\(number)"), now: now).id)
                    } catch { return .failure(error) }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        let started = results.compactMap { try? $0.get() }
        #expect(started.count == 1)
        for case .failure(let error) in results {
            #expect((error as? Archive.RunInProgress)?.run == started.first, "\(error)")
        }
        #expect(try await archives[0].runs(limit: 9).count == 1)
    }

    @Test func `a cancelled run ends, and a retry continues it at its step`() async throws {
        let archive = try await place.open()
        let run = try await archive.startRun(kind: "training", cause: "manual", by: .named("nina"), now: now)
        #expect(try await archive.cancelRun(run.id, by: .named("otto"), now: now))
        let worker = RunWorker(archive: archive, reader: archive, keyFile: place.location.keyFile, rolloutSteps: .atOnce)
        let ended = try #require(try await worker.work(on: run.id))
        #expect(ended.outcome == "cancelled" && ended.detail == "cancelled by otto")
        #expect(try await archive.cancelRun(run.id, by: .named("otto"), now: now) == false)
        #expect(try await archive.retryRun(run.id, by: .named("nina"), now: now))
        let continued = try #require(try await worker.work(on: run.id))
        #expect(continued.outcome == "too_little_data")
        #expect(try await archive.retryRun(run.id, by: .named("nina"), now: now) == false, "a run with a result is not done again")
    }

    @Test func `a command ends the run after the first failure, and a failed step waits before its retry`() async throws {
        let archive = try await place.open()
        let clock = ManualClock(wall: now)
        // A key of another archive: the first step cannot succeed.
        _ = try await archive.registerSigningKey(String(repeating: "0", count: 64))
        try SigningKeyFile.make(place.location.keyFile)
        let run = try await archive.startRun(kind: "training", cause: "manual", by: .named("nina"), now: now)
        let worker = RunWorker(
            archive: archive, reader: archive, keyFile: place.location.keyFile, rolloutSteps: .atOnce, maximumAttempts: 1, clock: clock.serviceClock)
        let ended = try #require(try await worker.work(on: run.id))
        #expect(ended.outcome == "failed" && ended.detail.contains("use the archive's own key"), "\(ended.detail)")
        let step = try #require(try await archive.steps(of: run.id).first)
        #expect(step.name == "validate" && step.state == "failed")
        #expect(try await archive.retryRun(run.id, by: .named("nina"), now: now))
        let again = try #require(try await archive.run(run.id))
        try await archive.failStep(of: again, error: "the disk is full", retryAt: now + RunPlan.pause(after: 1), now: now)
        let waiting = try #require(try await archive.run(run.id))
        #expect(RunPlan.next(waiting, now: now) == .wait(until: now + .seconds(10)))
        #expect(try await archive.messages(of: run.id).last?.message == "the disk is full")
    }

    @Test func `a step that another program has completed is not completed again`() async throws {
        let archive = try await place.open()
        let run = try await archive.startRun(kind: "training", cause: "manual", by: .named("nina"), now: now)
        try await archive.beginStep("validate", inputs: "", of: run, now: now)
        try await archive.completeStep(of: run, detail: "one", now: now)
        await #expect(throws: Archive.RunMoved.self) { try await archive.completeStep(of: run, detail: "two", now: now) }
        #expect(try await archive.run(run.id)?.step == 1)
        #expect(try await archive.messages(of: run.id).map(\.message) == ["one"], "the second attempt is rolled back")
    }

    @Test func `a champion that devices report as worse than in its backtest starts a run`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        let clock = ManualClock(wall: now)
        try await archive.addChampion(error: "1.0", persistence: "2.0", endedAt: now - .seconds(8 * 86_400))
        let log = Log("test", minimumLevel: .error)
        let watch = ModelWatch(archive: archive, reader: archive, clock: clock.serviceClock, log: log)
        let triggers = RunTriggers(
            archive: archive, afterDeviceDays: 1_000, schedule: nil, checkPeriod: .seconds(600), clock: clock.serviceClock, log: log)
        let air = try #require(SensorName("air"))
        var sequence: Int64 = 0
        /// 30 days in which the mean error is a share of that of persistence.
        func report(from day: Int64, ratio: Double) async throws {
            let scores = (day..<day + 30).flatMap { day in
                [1, 3].map { hours in
                    DailyScore(
                        sensor: air, day: day, releaseCounter: 7, leadTimeSeconds: hours * 3_600, count: 144,
                        absoluteErrorMpct: Int64(ratio * 288_000),
                        persistenceErrorMpct: 288_000, climatologyErrorMpct: 400_000, pinballMpct: 100_000, covered: 115, comparison: nil)
                }
            }
            let report = DeviceReport(release: nil, backlog: 0, evicted: 0, refused: 0, clock: .synchronised, scores: [], dailyScores: scores)
            sequence += 1
            let rows = [Batch.Row.reading(sensor: 0, Reading(takenAt: now, humidityMpct: 50_000))]
            let batch = Batch(epoch: Epoch(bits: 5), first: sequence, sensors: [air], rows: rows, report: report)
            _ = try await place.submit(archive, [.batch(try BatchArrival(device: device, batch: batch, receivedAt: now))]).map { try $0.get() }
            try await watch.judgeNewDay()
        }
        try await clock.running(triggers) {
            try await report(from: 19_000, ratio: 0.6)
            #expect(try await archive.modelJudgements().map(\.health.state) == [.ok, .ok])
            await clock.advance(.seconds(600))
            #expect(try await archive.unfinishedRun(kind: RunWorker.kind) == nil)
            try await report(from: 19_030, ratio: 0.65)
            #expect(try await archive.modelJudgements().map(\.health.state) == [.decayed, .decayed])
            await clock.advance(.seconds(600))
            #expect(try await archive.unfinishedRun(kind: RunWorker.kind)?.cause == "decay at 1 h, 3 h")
        }
    }

    @Test func `a schedule is due once, however many times have passed, and a changed schedule is used`() async throws {
        let archive = try await place.open()
        let daily = try #require(CalendarSchedule("0 3 * * *")), hourly = try #require(CalendarSchedule("0 * * * *"))
        func isDue(_ schedule: CalendarSchedule, after days: Double) async throws -> Bool {
            let at = now + .seconds(Int64(days * 86_400))
            let next = try #require(schedule.next(after: at))
            guard try await archive.checkDue("training", at: at, next: next) else { return false }
            try await archive.setDue("training", at: next)
            return true
        }
        #expect(try await !isDue(daily, after: 0), "the first look only stores the next time")
        #expect(try await !isDue(daily, after: 0.01))
        #expect(try await isDue(daily, after: 5))
        #expect(try await !isDue(daily, after: 5.01))
        #expect(try await !isDue(hourly, after: 5.02))
        #expect(try await isDue(hourly, after: 5.07))
    }
}

@Suite(.timeLimit(.minutes(1))) struct ReleaseRegistryTests {
    private let place = TemporaryArchive()
    private let now = Instant(ms: 1_700_000_000_000)

    private func attribution(_ reason: String) -> Archive.Attribution { Archive.Attribution(author: "nina", reason: reason) }

    /// A device whose report names a release.
    private func report(_ archive: Archive, _ device: Int64, _ release: ReleaseReference?, at: Instant) async throws -> ReleaseReference? {
        let report = DeviceReport(release: release, backlog: 0, evicted: 0, refused: 0, clock: .synchronised, scores: [])
        let batch = Batch(epoch: Epoch(bits: 5), first: 1, sensors: [], rows: [], report: report)
        let outcomes = try await place.submit(archive, [.batch(try BatchArrival(device: device, batch: batch, receivedAt: at))])
        guard case .batch(let answer) = try outcomes[0].get() else { return nil }
        return answer.release
    }

    @Test func `pins come before tags, and tags before the champion`() async throws {
        let archive = try await place.open()
        let church = try await place.device(archive, "church"), tower = try await place.device(archive, "tower")
        let releases = try await archive.pretendReleases(3)
        #expect(try await archive.release(for: church) == nil)
        try await archive.setAlias(.champion, to: 1, by: attribution("first"), now: now)
        try await archive.setTags(["north", "damp"], of: church)
        try await archive.setAlias(.tag("north"), to: 2, by: attribution("trial"), now: now + .seconds(1))
        #expect(try await archive.release(for: church) == releases[1])
        #expect(try await archive.release(for: tower) == releases[0])
        let name = try #require(DeviceID("church"))
        try await archive.setAlias(.device(name), to: 3, by: attribution("repair"), now: now + .seconds(2))
        #expect(try await archive.release(for: church) == releases[2])
        #expect(try await report(archive, church, nil, at: now) == releases[2], "the answer to a batch names the pinned release")
        #expect(try await report(archive, tower, nil, at: now) == releases[0])
        try await archive.setAlias(.device(name), to: nil, by: attribution("repaired"), now: now + .seconds(3))
        try await archive.setAlias(.device(name), to: nil, by: attribution("again"), now: now + .seconds(4))
        let history = try await archive.aliasHistory(limit: 9)
        #expect(
            history.map { "\($0.alias) \($0.counter ?? 0) \($0.reason)" } == [
                "device:church 0 repaired", "device:church 3 repair", "tag:north 2 trial", "champion 1 first",
            ])
    }

    @Test func `the history tells which release a device forecast with at a time, and why`() async throws {
        let archive = try await place.open()
        let id = try await place.device(archive, "church")
        let name = try #require(DeviceID("church"))
        let device = try #require(try await archive.device(named: name))
        let releases = try await archive.pretendReleases(2)
        #expect(try await archive.release(on: device, at: now) == nil)
        _ = try await report(archive, id, nil, at: now)
        try await archive.setAlias(.champion, to: 1, by: attribution("run 1: pass"), now: now + .seconds(10))
        _ = try await report(archive, id, releases[0], at: now + .seconds(20))
        _ = try await report(archive, id, releases[0], at: now + .seconds(30))
        try await archive.setAlias(.champion, to: 2, by: attribution("run 2: pass"), now: now + .seconds(40))
        _ = try await report(archive, id, releases[1], at: now + .seconds(50))
        func found(_ seconds: Int64) async throws -> String {
            let found = try #require(try await archive.release(on: device, at: now + .seconds(seconds)))
            return "\(found.counter.map { String($0) } ?? "none") since \((found.since - now).components.seconds) \(found.assignment?.reason ?? "–")"
        }
        #expect(try await found(5) == "none since 0 –")
        #expect(try await found(19) == "none since 0 –")
        #expect(try await found(20) == "1 since 20 run 1: pass")
        #expect(try await found(49) == "1 since 20 run 1: pass")
        #expect(try await found(500) == "2 since 50 run 2: pass")
    }

    @Test func `a device that changes its release all the time keeps its newest entries`() async throws {
        let archive = try await place.open()
        let id = try await place.device(archive, "church")
        let releases = try await archive.pretendReleases(2)
        try await archive.report((0..<1_010).map { (id, releases[$0 % 2], now + .seconds(Int64($0))) })
        #expect(try await archive.deviceReleaseCount() == 1_000)
    }
}

extension Archive {
    /// A champion with counter 7, and the run that has made it.
    fileprivate func addChampion(error: String, persistence: String, endedAt: Instant) throws {
        try database.run(
            "INSERT INTO run (id, kind, cause, author, created_at_ms, ended_at_ms, outcome) VALUES (3, 'training', 'manual', '', ?1, ?1, 'promoted')",
            endedAt.ms)
        try setFigures([1, 3].flatMap { [("error.candidate.\($0)h", error), ("error.persistence.\($0)h", persistence)] }, of: 3)
        try database.run(
            """
            INSERT INTO release (counter, sha256, model_id, created_at_ms, snapshot, parent, backtest, body, run)
            VALUES (7, '00', 'm', 1, '', '', '', ?, 3)
            """, [1] as [UInt8])
        try setAlias(.champion, to: 7, by: Attribution(author: "nina", reason: "test"), now: endedAt)
    }

    /// Stores releases 1 to `count`, whose files are not used.
    fileprivate func pretendReleases(_ count: Int) throws -> [ReleaseReference] {
        try (1...count).map { counter in
            let sha256 = [UInt8](repeating: UInt8(counter), count: 32)
            try database.run(
                "INSERT INTO release (counter, sha256, model_id, created_at_ms, snapshot, parent, backtest, body) VALUES (?, ?, 'm', 1, '', '', '', ?)",
                counter, Hexadecimal.text(sha256), [1] as [UInt8])
            return ReleaseReference(counter: UInt64(counter), sha256: sha256)
        }
    }

    /// Records reports one after the other, in one transaction.
    fileprivate func report(_ reports: [(device: Int64, release: ReleaseReference?, at: Instant)]) throws {
        try database.transaction { for report in reports { try recordReleases([report]) } }
    }

    fileprivate func deviceReleaseCount() throws -> Int64? { try database.integer("SELECT COUNT(*) FROM device_release") }
}
