import ArchiveExamples
import Examples
import Measures
import Runtime
import Testing
import Wire

@testable import Archive
@testable import Pipeline

@Suite(.timeLimit(.minutes(2))) struct RolloutTests {
    private let place = TemporaryArchive()
    private let attribution = Archive.Attribution(author: "nina", reason: "trial")

    /// 60 devices with the champion, and a rollout of a new release.
    private func fleet(_ count: Int = 60, tags: [String] = [], steps: RolloutSteps = .standard) async throws -> (
        fleet: PretendFleet, champion: UInt64, release: UInt64, rollout: Int64
    ) {
        let fleet = try await PretendFleet(place, devices: count)
        let champion = try await fleet.release(1)
        try await fleet.archive.setAlias(.champion, to: champion, by: attribution, now: place.now)
        try await fleet.report()
        try await fleet.report()
        for tag in tags { for device in fleet.devices.prefix(20) { try await fleet.archive.setTags([tag], of: device.id) } }
        let release = try await fleet.release(2)
        let id = try await fleet.changes().start(release, tags: tags, steps: steps, by: attribution, now: place.now)
        return (fleet, champion, release, id)
    }

    private func state(_ fleet: PretendFleet, _ id: Int64) async throws -> Archive.Rollout {
        try #require(try await fleet.archive.rollout(id))
    }

    @Test func `a good release reaches 5 percent, then 25 percent, then all devices, and is the champion`() async throws {
        let (fleet, champion, release, id) = try await fleet()
        fleet.errors[release] = 0.9
        #expect(fleet.count(of: champion) == 60)
        try await fleet.step()
        try await fleet.report()
        #expect(fleet.count(of: release) == 3)
        let canaries = Set(fleet.devices.filter { $0.release?.counter == release }.map(\.id))
        for _ in 0..<6 { try await fleet.step(isDay: true) }
        #expect(fleet.count(of: release) == 3, "six days are not enough")
        try await fleet.step(isDay: true)
        try await fleet.report()
        #expect(fleet.count(of: release) == 15)
        #expect(canaries.isSubset(of: fleet.devices.filter { $0.release?.counter == release }.map(\.id)), "the first devices keep the release")
        for _ in 0..<3 { try await fleet.step(isDay: true) }
        try await fleet.report()
        #expect(fleet.count(of: release) == 60)
        #expect(try await fleet.archive.release(of: .champion)?.counter == champion, "until the devices report the release")
        try await fleet.step()
        #expect(try await state(fleet, id).state == .completed)
        #expect(try await fleet.archive.release(of: .champion)?.counter == release)
        #expect(try await fleet.archive.release(of: .challenger) == nil)
        let events = try await fleet.archive.rolloutEvents(of: id)
        #expect(events.map(\.event) == ["started", "reached 5 %", "reached 25 %", "reached 100 %", "completed"])
        #expect(events.map(\.author) == ["nina"] + Array(repeating: "rollout \(id)", count: 4))
    }

    @Test func `a release with larger live errors than the previous release is rolled back and blocked`() async throws {
        let (fleet, champion, release, id) = try await fleet()
        fleet.errors[release] = 1.4
        try await fleet.step()
        try await fleet.report()
        #expect(fleet.count(of: release) == 3)
        for _ in 0..<2 { try await fleet.step(isDay: true) }
        let rollout = try await state(fleet, id)
        #expect(rollout.state == .rolling_back && rollout.detail.contains("1.40 times"), "\(rollout.detail)")
        let again = try #require(try await fleet.archive.release(of: .champion))
        #expect(again.counter > release, "the network of before, signed again")
        #expect(try await fleet.archive.release(counter: again.counter)?.modelID == "m1")
        try await fleet.service.step()
        #expect(try await state(fleet, id).state == .rolling_back, "the devices have not reported another release yet")
        try await fleet.report()
        try await fleet.step()
        #expect(try await state(fleet, id).state == .rolled_back)
        #expect(fleet.count(of: release) == 0 && fleet.count(of: champion) == 0 && fleet.count(of: again.counter) == 60)
        #expect(try await fleet.archive.releaseBlock(of: release)?.reason.contains("1.40 times") == true)
        let changes = try await fleet.changes()
        await #expect(throws: ReleaseChanges.ReleaseBlocked.self) {
            try await changes.start(release, tags: [], steps: .standard, by: attribution, now: place.now)
        }
        #expect(try await fleet.archive.unblockRelease(release, by: .named("nina"), now: place.now))
        _ = try await changes.start(release, tags: [], steps: .standard, by: attribution, now: place.now)
    }

    @Test func `with two reached devices, one rejection causes a rollback`() async throws {
        let (fleet, champion, release, id) = try await fleet(10)
        try await fleet.step()
        try await fleet.report()
        #expect(fleet.count(of: release) == 2)
        let before = try #require(try await fleet.archive.release(of: .champion))
        let first = try #require(fleet.devices.firstIndex { $0.release?.counter == release })
        try fleet.giveUp(first, to: before)
        try await fleet.step()
        #expect(try await state(fleet, id).state == .rolling_back)
        #expect(try await fleet.archive.rejections(of: release, limit: 9).map(\.device.name) == [fleet.devices[first].name])
        #expect(fleet.count(of: champion) == 9)
        try await fleet.report()
        try await fleet.step()
        #expect(try await state(fleet, id).state == .rolled_back && fleet.count(of: release) == 0)
    }

    @Test func `a rollout waits for devices that do not report, and silent devices do not count`() async throws {
        let (fleet, _, release, id) = try await fleet(steps: try #require(RolloutSteps("20:0,100:0")))
        try await fleet.step()
        try await fleet.report()
        let canaries = fleet.devices.filter { $0.release?.counter == release }.map(\.name)
        #expect(canaries.count == 12)
        fleet.silent = Set(canaries.prefix(6))
        for index in fleet.devices.indices where canaries.suffix(2).contains(fleet.devices[index].name) {
            (fleet.devices[index].release, fleet.devices[index].accepted) = (nil, .max)  // these devices do not take the release
        }
        try await fleet.step()
        #expect(
            try await state(fleet, id).detail == "4 of 12 devices report the release", "two do not take it, six have not reported since they took it")
        fleet.clock.advance(by: .seconds(86_401))
        try await fleet.step()
        #expect(try await state(fleet, id).detail == "4 of 6 devices report the release", "six devices have been silent for a day")
        fleet.clock.advance(by: .seconds(7 * 86_400))
        try await fleet.step()
        let paused = try await state(fleet, id)
        #expect(paused.state == .paused && paused.detail.contains("after seven days"))
    }

    @Test func `pause keeps the step, resume continues the rollout, promote gives the release to all devices at once`() async throws {
        let (fleet, _, release, id) = try await fleet(steps: try #require(RolloutSteps("5:0,25:0,100:0")))
        let changes = try await fleet.changes()
        try await fleet.step()
        try await changes.pause(id, by: attribution, now: place.now)
        await #expect(throws: RolloutChanges.WrongState.self) { try await changes.pause(id, by: attribution, now: place.now) }
        for _ in 0..<3 { try await fleet.step(isDay: true) }
        #expect(fleet.count(of: release) == 3)
        try await changes.resume(id, by: attribution, now: place.now)
        try await fleet.step()
        try await fleet.report()
        #expect(fleet.count(of: release) == 15)
        try await changes.promote(id, by: attribution, now: place.now)
        try await fleet.report()
        #expect(fleet.count(of: release) == 60)
        #expect(try await fleet.archive.release(of: .champion)?.counter == release)
        await #expect(throws: RolloutChanges.WrongState.self) { try await changes.abort(id, by: attribution, now: place.now) }
    }

    @Test func `abort gives the devices the previous release again, and does not block the release`() async throws {
        let (fleet, _, release, id) = try await fleet()
        let changes = try await fleet.changes()
        try await fleet.step()
        try await fleet.report()
        try await changes.abort(id, by: attribution, now: place.now)
        #expect(try await state(fleet, id).state == .aborting)
        try await fleet.report()
        try await fleet.step()
        #expect(try await state(fleet, id).state == .aborted && fleet.count(of: release) == 0)
        #expect(try await fleet.archive.releaseBlock(of: release) == nil)
        let untouched = try await changes.start(release, tags: [], steps: .standard, by: attribution, now: place.now)
        let counter = try await fleet.archive.newestCounter()
        try await changes.abort(untouched, by: attribution, now: place.now)
        #expect(try await state(fleet, untouched).state == .aborted, "no device was reached: nothing to wait for")
        #expect(try await fleet.archive.newestCounter() == counter, "and nothing to sign again")
    }

    @Test func `the log of decisions tells the rollout from its start to its end, with authors and reasons`() async throws {
        let (fleet, champion, release, id) = try await fleet()
        try await fleet.step()
        try await fleet.changes().abort(
            id, by: Archive.Attribution(author: "otto", reason: "the vaults dry out"), now: fleet.clock.serviceClock.wallClock)
        _ = try await fleet.archive.stopReleases(by: attribution, now: fleet.clock.serviceClock.wallClock)
        let log = Array(try await fleet.archive.decisions(limit: 100).reversed())
        let rollout = log.filter { $0.subject == "rollout \(id)" }
        #expect(rollout.map(\.event) == ["started", "reached 5 %", "aborted"].map { "\($0) (release \(release))" }, "\(rollout)")
        #expect(rollout.last?.author == "otto" && rollout.last?.reason == "the vaults dry out")
        #expect(log.first { $0.subject == "champion" }?.event == "release \(champion)")
        #expect(log.contains { $0.subject == "emergency stop" && $0.event == "on" && $0.author == "nina" })
        #expect(try await fleet.archive.decisions(limit: 2).count == 2)
    }

    @Test func `a rollback waits for the devices, also if its step began weeks ago`() async throws {
        let (fleet, _, release, id) = try await fleet()
        try await fleet.step()
        try await fleet.report()
        fleet.clock.advance(by: .seconds(20 * 86_400))
        try await fleet.report()
        #expect(fleet.count(of: release) == 3)
        try await fleet.changes().abort(id, by: attribution, now: fleet.clock.serviceClock.wallClock)
        try await fleet.step()
        #expect(try await state(fleet, id).state == .aborting, "the devices have the previous release, but do not report it yet")
        try await fleet.step()
        #expect(try await state(fleet, id).state == .aborted)
    }

    @Test func `a rollout to tags reaches only their devices and ends as a pin`() async throws {
        let (fleet, champion, release, id) = try await fleet(tags: ["north"], steps: try #require(RolloutSteps("50:0,100:0")))
        try await fleet.step()
        try await fleet.report()
        #expect(fleet.count(of: release) == 10)
        #expect(fleet.devices.suffix(40).allSatisfy { $0.release?.counter == champion })
        for _ in 0..<3 { try await fleet.step() }
        #expect(try await state(fleet, id).state == .completed)
        #expect(fleet.count(of: release) == 20 && fleet.count(of: champion) == 40)
        #expect(try await fleet.archive.release(of: .tag("north"))?.counter == release)
        #expect(try await fleet.archive.release(of: .champion)?.counter == champion)
        // A rollout to all devices leaves the pinned ones alone.
        let next = try await fleet.release(3)
        _ = try await fleet.changes().start(next, tags: [], steps: .atOnce, by: attribution, now: place.now)
        try await fleet.report()
        #expect(fleet.count(of: next) == 40 && fleet.count(of: release) == 20)
    }

    @Test func `an aborted rollout to tags signs the champion again, and the devices follow`() async throws {
        let (fleet, champion, release, id) = try await fleet(tags: ["north"])
        try await fleet.step()
        try await fleet.report()
        #expect(fleet.count(of: release) == 2)
        try await fleet.changes().abort(id, by: attribution, now: place.now)
        try await fleet.report()
        let again = try #require(try await fleet.archive.release(of: .champion)?.counter)
        #expect(again > champion && fleet.count(of: again) == 60)
        #expect(try await fleet.archive.release(of: .tag("north")) == nil)
    }

    @Test func `during an emergency stop no device gets a release, and the rollout stands still`() async throws {
        let (fleet, champion, release, id) = try await fleet(steps: .standard)
        #expect(try await fleet.archive.stopReleases(by: attribution, now: place.now))
        #expect(try await !fleet.archive.stopReleases(by: attribution, now: place.now))
        for _ in 0..<3 { try await fleet.step() }
        #expect(fleet.count(of: champion) == 60)
        #expect(try await state(fleet, id).detail == "the emergency stop is on")
        #expect(try await fleet.archive.endReleaseStop(by: .named("nina"), now: place.now))
        try await fleet.step()
        try await fleet.report()
        #expect(fleet.count(of: release) == 3)
    }

    @Test func `only one rollout is in progress, and the champion does not change in the meantime`() async throws {
        let (fleet, champion, release, id) = try await fleet()
        let changes = try await fleet.changes()
        await #expect(throws: Archive.RolloutInProgress.self) {
            try await changes.start(release, tags: ["north"], steps: .standard, by: attribution, now: place.now)
        }
        let releases = ReleaseChanges(
            archive: fleet.archive, signer: try await ReleaseSigner(of: fleet.archive, keyFile: place.location.keyFile))
        await #expect(throws: Archive.RolloutInProgress.self) {
            try await releases.assign(champion, to: .champion, by: attribution, now: place.now)
        }
        #expect(try await state(fleet, id).state == .running)
    }

    @Test func `the first release of a fleet is rolled out from the shipped one`() async throws {
        let fleet = try await PretendFleet(place, devices: 4)
        try await fleet.report()
        let release = try await fleet.release(1)
        let id = try await fleet.changes().start(release, tags: [], steps: try #require(RolloutSteps("50:2,100:0")), by: attribution, now: place.now)
        fleet.errors[release] = 0.8
        try await fleet.step()
        try await fleet.report()
        #expect(fleet.count(of: release) == 2)
        for _ in 0..<2 { try await fleet.step(isDay: true) }
        for _ in 0..<2 { try await fleet.step() }
        #expect(try await state(fleet, id).state == .completed && fleet.count(of: release) == 4)
        #expect(try await state(fleet, id).control == nil)
    }
}
