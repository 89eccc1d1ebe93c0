import ArchiveExamples
@testable import Archive
import Examples
import Foundation
import Measures
import Runtime
import Testing
import Wire

@Suite(.timeLimit(.minutes(1))) struct RetentionTests: RetentionExamples {
    let place = TemporaryArchive()

    @Test func `retention deletes old batches; the observations stay, also after a rebuild`() async throws {
        let archive = try await open()
        let device = try await fill(archive)
        let (bins, before) = (try await archive.bins(), try await archive.totals())
        try await deleteBatches(archive, before: april)
        #expect(try await archive.batchCount() == 1)
        let after = try await archive.totals()
        #expect(after.readings == before.readings && after.logBytes > 0 && after.logBytes < before.logBytes)
        #expect(try await archive.bins() == bins)
        for _ in 0..<2 {
            try await archive.requestRederivation(now: at(80))
            try await place.derive(archive)
            #expect(try await archive.bins() == bins)
        }
        #expect(try await archive.sensors().first?.observations == Int64(bins.count))

        // After the deletion and the rebuilds, the archive stores and derives a new batch of this device.
        #expect(try await send(archive, device, batch(301...400, from: at(71)), at: at(72)).through == 400)
        try await place.derive(archive)
        #expect(try await archive.bins().count > bins.count)
    }

    @Test func `a row that is sent again after its batch was deleted is not stored twice`() async throws {
        let archive = try await open()
        let device = try await fill(archive)
        try await deleteBatches(archive, before: april)
        let bins = try await archive.bins()
        let again = try await send(archive, device, batch(51...150, from: at(1) + .seconds(50 * 60)), at: at(80))
        #expect(again.through == 300 && again.conflicts.isEmpty)
        try await place.derive(archive)
        #expect(try await archive.bins() == bins)
        #expect(try await archive.batchCount() == 1)
    }

    @Test func `a new reading with the sequence of a deleted row is a conflict, and is stored when it has another epoch`() async throws {
        let archive = try await open()
        let device = try await fill(archive)
        try await deleteBatches(archive, before: april)
        // The device was restored from a copy that is older than the retention.
        let answer = try await send(archive, device, batch(91...110, from: at(80)), at: at(81))
        #expect(answer.conflicts == Array(91...110))
        let renamed = try await send(archive, device, batch(1...20, from: at(80), epoch: 6), at: at(81))
        #expect(renamed.through == 20)
        try await place.derive(archive)
        #expect(try await archive.totals().readings == 320)
    }

    @Test func `retention does not delete batches while a rebuild runs`() async throws {
        let archive = try await open()
        let device = try await fill(archive)
        try await send(archive, device, batch(301...310, from: at(2)), at: at(3))
        // A rebuild has begun, and is not complete.
        try await archive.requestRederivation(now: at(80))
        for _ in 0..<2 { _ = try await archive.apply(archive.nextDerivationStep(limit: 7)) }
        try await deleteBatches(archive, before: april)
        #expect(try await archive.batchCount() == 4)
        try await place.derive(archive)
        let bins = try await archive.bins()
        try await deleteBatches(archive, before: april)
        #expect(try await archive.batchCount() == 2)  // retention never deletes the newest batch of a device
        #expect(try await archive.bins() == bins)
    }

    @Test(.enabled(if: !TemporaryArchive.isPostgres)) func `batches with an arrival time in the future do not stop the deletion of later batches`()
        async throws
    {
        let archive = try await open()
        let device = try await place.device(archive)
        for index in 0..<300 as Range<Int64> { try await send(archive, device, batch(index + 1...index + 1, from: at(1)), at: at(5_000)) }
        try await send(archive, device, batch(301...310, from: at(2)), at: at(3))
        try await send(archive, device, batch(311...320, from: at(90)), at: at(90))
        while try await archive.apply(archive.nextDerivationStep()) {}
        try await deleteBatches(archive, before: april)
        #expect(try await archive.batchCount() == 301)
    }

    @Test func `batches that cannot be derived are deleted a month later, so that one device does not stop the deletion`() async throws {
        let archive = try await open()
        _ = try await fill(archive)
        try await archive.requestRederivation(now: at(80))
        for (days, remaining) in [(Int64(0), [3]), (30, [3]), (32, [1])] {
            let (cutoff, now) = (april.ms, (at(80) + .seconds(days * 86_400)).ms)
            try await archive.perform { archive in
                _ = try archive.database.run(
                    "INSERT INTO retention VALUES (1, ?1, ?2) ON CONFLICT (id) DO UPDATE SET now_ms = ?2", cutoff, now)
            }
            try await deleteBatches(archive, before: april)
            #expect(remaining.contains(Int(try await archive.batchCount())), "after \(days) days")
        }
    }

    @Test func `a repeated plain reading is a duplicate, and is refused if it was taken before the cutoff`() async throws {
        let archive = try await open()
        let device = try await place.device(archive)
        let air = try #require(SensorName("air"))
        func send(_ days: Int64...) async throws -> [Archive.PlainReceipt.Outcome] {
            let readings = days.map { SensorReading(sensor: air, reading: Reading(takenAt: at($0), humidityMpct: 45_000)) }
            let arrival = Archive.PlainArrival(device: device, readings: readings, receivedAt: at(75))
            guard case .plain(let receipt) = try await place.submit(archive, [.plain(arrival)]).first?.get() else { return [] }
            return receipt.outcomes
        }
        #expect(try await send(1, 39, 70) == [.stored, .stored, .stored])
        try await place.derive(archive)
        let cutoff = try await archive.advanceRetention(keep: .seconds(30 * 86_400), now: at(75))
        #expect(cutoff == at(40))  // 30 days before the newest reading
        try await deleteBatches(archive, before: cutoff)
        #expect(try await send(70, 1, 39, 72) == [.duplicate, .tooOld, .tooOld, .stored])
        #expect(try await archive.count("plain_reading") == 2)
    }

    @Test func `the retention service deletes expired batches when it starts, and again after each period`() async throws {
        let archive = try await open()
        let device = try await fill(archive)
        let clock = ManualClock(wall: at(75))
        let service = Retention(archive: archive, keep: .seconds(20 * 86_400), clock: clock.serviceClock, log: Log("test"))
        let task = Task { try await service.run() }
        await clock.sleepers()
        #expect(try await archive.batchCount() == (TemporaryArchive.isPostgres ? 2 : 1))  // the cutoff is 28 March, so PostgreSQL keeps March
        try await send(archive, device, batch(301...310, from: at(130)), at: at(130))
        try await place.derive(archive)
        clock.advance(by: .seconds(3_600))
        await clock.sleepers()
        #expect(try await archive.believedNow() == at(75) + .seconds(3_600))
        // At each run, the time that the service uses increases by at most one day.
        clock.advance(by: .seconds(86_400))
        await clock.sleepers()
        #expect(try await archive.batchCount() == (TemporaryArchive.isPostgres ? 3 : 2))
        for _ in 0..<60 {
            clock.advance(by: .seconds(86_400))
            await clock.sleepers()
        }
        #expect(try await archive.batchCount() == 1)
        task.cancel()
        _ = await task.result
    }

    @Test func `a run that fails is repeated, and does not move the cutoff again`() async throws {
        let archive = try await open()
        _ = try await fill(archive)
        let clock = ManualClock(wall: at(75))
        let service = Retention(archive: archive, keep: .seconds(20 * 86_400), clock: clock.serviceClock, log: Log("test", minimumLevel: .error))
        _ = try await archive.advanceRetention(keep: .seconds(300 * 86_400), now: at(60))
        try await archive.perform { _ = try $0.database.run("ALTER TABLE epoch RENAME TO away") }
        let task = Task { try await service.run() }
        for pause in [0, 2, 4, 8] as [Int64] {
            clock.advance(by: .seconds(pause))
            await clock.sleepers()
        }
        #expect(try await archive.believedNow() == at(61))
        #expect(try await archive.batchCount() == 3)
        try await archive.perform { _ = try $0.database.run("ALTER TABLE away RENAME TO epoch") }
        clock.advance(by: .seconds(300))
        await clock.sleepers()
        #expect(try await archive.batchCount() < 3)
        task.cancel()
        _ = await task.result
    }

    @Test func `the cutoff never decreases, and a clock that is ahead moves the cutoff by at most one day for each call`() async throws {
        let archive = try await open()
        _ = try await fill(archive)
        let newest = try #require(try await archive.sensors().first?.lastAt)
        let cutoff = try await archive.advanceRetention(keep: .seconds(30 * 86_400), now: at(10_000))
        #expect(cutoff == newest - .seconds(30 * 86_400))
        #expect(try await archive.advanceRetention(keep: .seconds(300 * 86_400), now: at(80)) == cutoff)

        // The server's clock is two years ahead, and a device without a clock gets its readings' times from the server. So the newest reading is
        // two years ahead, too. The cutoff then moves by one day for each call.
        let other = TemporaryArchive()
        let second = try await other.open()
        _ = try await fill(second)
        #expect(try await second.advanceRetention(keep: .seconds(30 * 86_400), now: newest) == cutoff)
        try await second.perform { _ = try $0.database.run("UPDATE sensor SET last_at_ms = ?", (newest + .seconds(730 * 86_400)).ms) }
        for day in 1...2 as ClosedRange<Int64> {
            #expect(try await second.advanceRetention(keep: .seconds(30 * 86_400), now: at(800)) == cutoff + .seconds(day * 86_400))
        }
        for early in [Instant(ms: 0), at(-60)] { try await deleteBatches(archive, before: early) }
        #expect(try await archive.batchCount() == 3)
    }

    @Test func `a batch that arrived while the server's clock was not set is deleted when a later batch is expired`() async throws {
        let archive = try await open()
        let device = try await place.device(archive)
        try await send(archive, device, batch(1...10, from: Instant(ms: 60_000)), at: Instant(ms: 1_000_000))
        try await send(archive, device, batch(11...20, from: at(40)), at: at(41))
        try await place.derive(archive)
        try await deleteBatches(archive, before: at(30))
        #expect(try await archive.batchCount() == 2)
        try await send(archive, device, batch(21...30, from: at(60)), at: at(61))
        try await place.derive(archive)
        try await deleteBatches(archive, before: lateJune)
        // The newest batch stays. In PostgreSQL, the first batch also stays, because it is in the default partition.
        #expect(try await archive.batchCount() == (TemporaryArchive.isPostgres ? 2 : 1))
    }

    @Test(.enabled(if: !TemporaryArchive.isPostgres)) func `deleting batches shrinks the file`() async throws {
        let archive = try await open()
        let device = try await place.device(archive)
        for index in 0..<400 as Range<Int64> {
            let first = index * 2_000 + 1
            try await send(archive, device, batch(first...(first + 1_999), from: at(index / 10), value: 30_000), at: at(index / 10 + 2))
        }
        while try await archive.apply(archive.nextDerivationStep()) {}
        func pages() async throws -> Int64 { try await archive.perform { try $0.database.integer("PRAGMA page_count") ?? 0 } }
        let before = try await pages()
        try await deleteBatches(archive, before: lateJune)
        #expect(try await archive.batchCount() == 1)  // retention never deletes the newest batch of a device
        let after = try await pages()
        #expect(after < before / 2, "\(before) pages before, \(after) after")
    }
}
