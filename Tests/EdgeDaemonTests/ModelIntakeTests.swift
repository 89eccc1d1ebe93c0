@testable import EdgeDaemon
import EdgeStore
import StoreExamples
import Examples
import Forecasting
import Foundation
import Measures
import Observing
import Releases
import Runtime
import Signing
import Testing
import Text
import Wire

/// Releases offered to a device one after another. Only valid releases are used.
@Suite struct ModelIntakeTests {
    private let clock = ManualClock()
    private let log = Log("test", minimumLevel: .error)
    private let folder = FileManager.default.temporaryDirectory.path + "/vaho-intake-\(UInt64.random(in: 0...(.max)))"

    private let signed = SignedReleases()

    private func file(counter: UInt64, size: Float = 0.01, network: Network? = nil, key: UInt8 = 1) throws -> [UInt8] {
        try signed.file(counter: counter, network: network ?? anyNetwork(size: size), keys: [key]).bytes
    }

    private func name(_ counter: UInt64, _ bytes: [UInt8]) -> ReleaseReference { ReleaseReference(counter: counter, sha256: SHA256.digest(bytes)) }

    private func intake(boot: UInt32 = 1) throws -> ModelIntake {
        try Files.createFolder(folder)
        try Files.replace(folder + "/keys", with: Array(ReleaseKeyFile.text([try signed.key(1).publicKey]).utf8))
        return ModelIntake(
            folder: folder, keyFile: folder + "/keys", access: .daemon(boot: boot, now: { [clock] in clock.serviceClock.wallClock }),
            serviceClock: clock.serviceClock, log: log)
    }

    @Test func `a valid release is used at once and after a restart, and damaged, foreign or older ones are never used`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let intake = try intake()
        let good = try file(counter: 5)
        await intake.install(good, as: name(5, good))
        #expect(intake.active.current?.name == name(5, good))
        #expect(await intake.refusal == nil)

        var flipped = try file(counter: 6)
        flipped[flipped.count / 2] ^= 4
        let foreign = try file(counter: 7, key: 2)
        let older = try file(counter: 4)
        for (bytes, counter, words) in [
            (flipped, UInt64(6), "SHA-256"), (foreign, 7, "trusted key"), (older, 4, "not above 5"), ([1, 2, 3], 8, "length"),
        ] {
            let offered = name(counter, bytes)
            #expect(await intake.shouldFetch(offered))
            await intake.install(bytes, as: offered)
            #expect(intake.active.current?.name == name(5, good))
            #expect(await intake.refusal?.contains(words) == true)
            // A problem that may pass leads to a later retry. A problem of the file itself does not.
            #expect(await !intake.shouldFetch(offered))
            clock.advance(by: .seconds(60))
            #expect(await intake.shouldFetch(offered) == (counter != 4), "\(words)")
        }
        let restarted = try self.intake()
        // The first call that needs the release loads it, so the release in use is not fetched again.
        #expect(await !restarted.shouldFetch(name(5, good)))
        #expect(restarted.active.current?.name == name(5, good))
    }

    @Test func `a counter that no cloud can have issued is refused, and so is a file other than the announced one`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let intake = try intake()
        let highest = try file(counter: .max)
        await intake.install(highest, as: name(.max, highest))
        #expect(await intake.refusal?.contains("no later release could follow") == true)
        #expect(intake.active.current == nil)
        let good = try file(counter: 5)
        await intake.install(good, as: name(6, good))
        #expect(await intake.refusal?.contains("the cloud's answer says 6") == true)
        #expect(intake.active.current == nil)
        await intake.install(good, as: name(5, good))
        #expect(intake.active.current?.name == name(5, good))
    }

    @Test func `a release that cannot be fetched is tried less and less often, and other offers do not speed it up`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let intake = try intake()
        var fetched = 0
        // For one day the cloud offers the same release with each answer, once a minute.
        for _ in 0..<1_440 {
            clock.advance(by: .seconds(60))
            let offered = name(9, [])
            guard await intake.shouldFetch(offered) else { continue }
            fetched += 1
            await intake.fetchFailed(offered)
        }
        #expect((25...32).contains(fetched))
        // Each answer offers another release, once a second.
        var others = 0
        for counter in 0..<600 as Range<UInt64> {
            clock.advance(by: .seconds(1))
            let offered = name(counter, [1])
            guard await intake.shouldFetch(offered) else { continue }
            others += 1
            await intake.fetchFailed(offered)
        }
        #expect(others <= 11)
    }

    @Test func `a new device uses the shipped release until another one arrives, and does not use a file with another hash`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Files.createFolder(folder)
        try Files.replace(folder + "/keys", with: Array(ReleaseKeyFile.text([try signed.key(1).publicKey]).utf8))
        let shipped = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../deploy/pretrained.vaho"
        func start(_ pretrained: String) async -> ModelIntake {
            let intake = ModelIntake(
                folder: folder, keyFile: folder + "/keys", pretrained: pretrained, access: .daemon(boot: 1, now: { WallClock.now }), log: log)
            await intake.load()
            return intake
        }
        let fresh = await start(shipped)
        #expect(fresh.active.current?.name.counter == 0 && fresh.active.model.network != nil)
        try Files.replace(folder + "/other.vaho", with: Files.read(shipped, limit: ReleaseFile.limit).dropLast(1) + [7])
        #expect(await start(folder + "/other.vaho").active.current == nil)
        #expect(await start(folder + "/none.vaho").active.current == nil)

        let own = try file(counter: 5)
        await fresh.install(own, as: name(5, own))
        #expect(fresh.active.current?.name == name(5, own))
        #expect(await start(shipped).active.current?.name == name(5, own))
    }

    @Test func `if the release file in use is damaged on disk, the previous valid release is used`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let intake = try intake()
        let (first, second) = (try file(counter: 5), try file(counter: 6, size: 0.02))
        await intake.install(first, as: name(5, first))
        clock.advance(by: .seconds(48 * 3_600))
        await intake.install(second, as: name(6, second))
        #expect(intake.active.current?.name == name(6, second))
        try Files.replace(path(name(6, second)), with: Array(second.prefix(500)))
        let restarted = try self.intake()
        await restarted.load()
        #expect(restarted.active.current?.name == name(5, first))
        // The release is not at fault: the cloud may send it again.
        #expect(await restarted.shouldFetch(name(6, second)))
        await restarted.install(second, as: name(6, second))
        #expect(restarted.active.current?.name == name(6, second))
    }

    @Test func `a release that the cloud rolls back to the shipped network does not become the last good one`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Files.createFolder(folder)
        try Files.replace(folder + "/keys", with: Array(ReleaseKeyFile.text([try signed.key(1).publicKey]).utf8))
        let pretrained = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../deploy/pretrained.vaho"
        let intake = ModelIntake(
            folder: folder, keyFile: folder + "/keys", pretrained: pretrained,
            access: .daemon(boot: 1, now: { [clock] in clock.serviceClock.wallClock }),
            serviceClock: clock.serviceClock, log: log)
        await intake.load()
        let shipped = try #require(intake.active.current?.release.network)
        let bad = try file(counter: 5)
        await intake.install(bad, as: name(5, bad))
        clock.advance(by: .seconds(10 * 86_400))
        let back = try file(counter: 6, network: shipped)
        await intake.install(back, as: name(6, back))
        #expect(intake.active.current?.name == name(6, back) && intake.active.current?.rival == nil)
        #expect(await intake.goBack(from: 6, .liveError, detail: "worse"))
        #expect(intake.active.current?.name.counter == 0, "the shipped release, and not the one that was rolled back")
    }

    private func path(_ name: ReleaseReference) -> String { "\(folder)/release-\(Hexadecimal.text(name.sha256.prefix(8))).vaho" }

    @Test func `a rejected release is never used again, neither after a restart nor if it is offered again`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let intake = try intake()
        let (first, second) = (try file(counter: 5), try file(counter: 6, size: 0.02))
        await intake.install(first, as: name(5, first))
        clock.advance(by: .seconds(48 * 3_600))
        await intake.install(second, as: name(6, second))
        #expect(intake.active.current?.rival?.name == name(5, first), "the last good release forecasts in the shadow")
        #expect(await !intake.goBack(from: 5, .liveError, detail: "not in use"))
        #expect(await intake.goBack(from: 6, .liveError, detail: "its live error is 2.00 times the last good release's"))
        #expect(intake.active.current?.name == name(5, first) && intake.active.current?.rival == nil)
        let restarted = try self.intake()
        await restarted.load()
        #expect(restarted.active.current?.name == name(5, first))
        #expect(await restarted.slots.rejected.map(\.release) == [name(6, second)])
        #expect(await !restarted.shouldFetch(name(6, second)))
        // The same weights, signed again with a higher counter, are a decision of the operator: the device takes them.
        let again = try file(counter: 7, size: 0.02)
        #expect(await restarted.shouldFetch(name(7, again)))
        // There is no third release: without a shipped one, nothing is left to go back to but the damped anomaly.
        #expect(await restarted.goBack(from: 5, .liveError, detail: "") && restarted.active.current == nil)
        #expect(await !restarted.goBack(from: 0, .liveError, detail: ""))
    }

    @Test func `three crashes within ten minutes of one boot reject the release; power failures and orderly stops do not`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (first, second) = (try file(counter: 5), try file(counter: 6, size: 0.02))
        do {
            let intake = try intake()
            await intake.install(first, as: name(5, first))
            clock.advance(by: .seconds(48 * 3_600))
            await intake.install(second, as: name(6, second))
            await intake.markStopped()
        }
        func start(boot: UInt32) async throws -> ModelIntake {
            let intake = try self.intake(boot: boot)
            await intake.load()
            return intake
        }
        for boot in 2..<8 as Range<UInt32> { #expect(try await start(boot: boot).active.current?.name == name(6, second)) }
        for _ in 0..<8 {
            let intake = try await start(boot: 9)
            #expect(intake.active.current?.name == name(6, second))
            await intake.markStopped()
        }
        for _ in 0..<3 { #expect(try await start(boot: 10).active.current?.name == name(6, second)) }
        let after = try await start(boot: 10)
        #expect(after.active.current?.name == name(5, first))
        #expect(await after.slots.rejected.map(\.reason) == [.crashLoop])
        // The crashes go on with the last good release: the device ends with the shipped release and starts on.
        for _ in 0..<4 { _ = try await start(boot: 10) }
        #expect(try await start(boot: 10).active.current == nil)
    }

    @Test func `a network with a weight that is no number is refused`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let intake = try intake()
        var network = anyNetwork(size: 0.01)
        network.parameters[0][0] = .nan
        let bytes = try file(counter: 5, network: network)
        await intake.install(bytes, as: name(5, bytes))
        #expect(intake.active.current == nil)
        #expect(await intake.refusal?.contains("not finite") == true)
    }

    @Test func `while the slots cannot be stored a new release is refused, and a rejected one is left at once and stored as rejected later`()
        async throws
    {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let intake = try intake()
        let (first, second) = (try file(counter: 5), try file(counter: 6, size: 0.02))
        await intake.install(first, as: name(5, first))
        clock.advance(by: .seconds(48 * 3_600))
        // The name of the temporary file is taken by a folder, so that no file can be written.
        let obstacle = folder + "/release-slots.new"
        try FileManager.default.createDirectory(atPath: obstacle + "/x", withIntermediateDirectories: true)
        await intake.install(second, as: name(6, second))
        #expect(intake.active.current?.name == name(5, first) && intake.active.current?.since == clock.serviceClock.wallClock - .seconds(48 * 3_600))
        #expect(await intake.refusal?.contains("release-slots") == true)
        #expect(await intake.goBack(from: 5, .liveError, detail: "worse"))
        #expect(intake.active.current == nil, "the change is used although it is not stored")
        #expect(try await restartedCounter() == 5)
        try FileManager.default.removeItem(atPath: obstacle)
        await intake.retrySave()
        #expect(try await restartedCounter() == nil)
    }

    /// The counter of the release that another start of the program would use.
    private func restartedCounter() async throws -> UInt64? {
        let reader = ModelIntake(folder: folder, keyFile: folder + "/keys", access: .readOnly, serviceClock: clock.serviceClock, log: log)
        await reader.load()
        return reader.active.current?.name.counter
    }

    @Test func `a damaged release-slots file is rebuilt from the release files`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let intake = try intake()
        let first = try file(counter: 5)
        await intake.install(first, as: name(5, first))
        var bytes = try Files.read(folder + "/release-slots", limit: 20_000)
        bytes[8] ^= 1
        try Files.replace(folder + "/release-slots", with: bytes)
        let restarted = try self.intake()
        await restarted.load()
        #expect(restarted.active.current?.name == name(5, first))
        #expect(await restarted.slots.acceptedCounter == 5)
    }

    @Test func `the files of earlier versions of the program stay in use`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (first, second) = (try file(counter: 5), try file(counter: 6, size: 0.02))
        let intake = try intake()
        try Files.replace(folder + "/release.vaho", with: second)
        try Files.replace(folder + "/release-previous.vaho", with: first)
        await intake.load()
        #expect(intake.active.current?.name == name(6, second) && intake.active.current?.rival?.name == name(5, first))
        #expect(try Files.list(folder).filter { $0.hasSuffix(".vaho") }.count == 2)
        #expect(!Files.exists(folder + "/release.vaho"))
    }

    @Test func `without a key no release is trusted until model trust adds a key`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Files.createFolder(folder)
        let intake = ModelIntake(folder: folder, keyFile: nil, access: .daemon(boot: 1, now: { WallClock.now }), log: log)
        let good = try file(counter: 5)
        await intake.install(good, as: nil)
        #expect(intake.active.current == nil)
        try KeyFiles(folder: folder, configured: nil).replacePinned(ReleaseKeyFile.text([try signed.key(1).publicKey]))
        await intake.install(good, as: nil)
        #expect(intake.active.current?.name.counter == 5)
    }
}
