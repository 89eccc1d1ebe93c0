import ArchiveExamples
import Examples
import Forecasting
import Measures
import Releases
import Testing
import Wire

@testable import Archive
@testable import Pipeline

/// A device never gets a release with a lower counter than before, because it would refuse the release.
@Suite(.timeLimit(.minutes(1))) struct ReleaseChangesTests {
    private let place = TemporaryArchive()
    private let now = Instant(ms: 1_700_000_000_000)
    private let attribution = Archive.Attribution(author: "nina", reason: "test")

    /// An archive with signed releases and the devices church and tower.
    private func makeArchive(releases: Int) async throws -> (archive: Archive, changes: ReleaseChanges, counters: [UInt64]) {
        let archive = try await place.open()
        let signer = try await ReleaseSigner(of: archive, keyFile: place.location.keyFile)
        for device in ["church", "tower"] { _ = try await place.device(archive, device) }
        var counters: [UInt64] = []
        for number in 0..<releases {
            let provenance = Provenance(snapshot: "s\(number)", codeVersion: "", seed: 1, configuration: "", parent: "", backtest: "")
            let header = ReleaseHeader(
                counter: try await archive.nextCounter(now: now), modelID: "m\(number)", createdAt: now, expiresAt: now + .seconds(86_400),
                provenance: provenance)
            let name = try await archive.register(
                signer.file(Release(header: header, network: anyNetwork(seed: UInt64(number + 1)))), header: header, run: Int64(number))
            counters.append(name.counter)
        }
        return (archive, ReleaseChanges(archive: archive, signer: signer), counters)
    }

    private func device(_ archive: Archive, _ name: String = "church") async throws -> Archive.Device {
        let name = try #require(DeviceID(name))
        return try #require(try await archive.device(named: name))
    }

    @Test func `the newest release is assigned as it is, and an older one as a new release with its network`() async throws {
        let (archive, changes, counters) = try await makeArchive(releases: 2)
        #expect(try await changes.assign(counters[1], to: .champion, by: attribution, now: now).counter == counters[1])
        let old = try await changes.assign(counters[0], to: .champion, by: attribution, now: now)
        #expect(old.counter > counters[1])
        #expect(try await archive.release(counter: old.counter)?.run == 0)
        #expect(
            try await ReleaseVerifier(reader: archive, ring: archive.keyring()).problem(
                with: #require(await archive.release(counter: old.counter))) == nil)
        let back = try await changes.rollBack(by: attribution, now: now)
        #expect(back.earlier == counters[1], "the champion before was the newer network")
    }

    @Test func `unpinning a device signs the champion again if the pin had a higher counter`() async throws {
        let (archive, changes, counters) = try await makeArchive(releases: 3)
        let church = try await device(archive)
        _ = try await archive.setAlias(.champion, to: counters[0], by: attribution, now: now)
        _ = try await archive.setAlias(.tag("north"), to: counters[1], by: attribution, now: now)
        try await archive.setTags(["north"], of: church.id)
        _ = try await changes.assign(counters[2], to: .device(church.name), by: attribution, now: now)
        #expect(try await archive.release(for: church.id)?.counter == counters[2])
        #expect(try await changes.unpin(.device(church.name), by: attribution, now: now))
        let after = try #require(try await archive.release(for: church.id))
        #expect(after.counter > counters[2], "the pin of the tag, signed again")
        #expect(try await archive.release(counter: after.counter)?.run == 1)
        #expect(try await changes.unpin(.tag("north"), by: attribution, now: now))
        let champion = try #require(try await archive.release(for: church.id))
        #expect(champion.counter > after.counter)
        #expect(try await archive.release(counter: champion.counter)?.run == 0)
        #expect(try await !changes.unpin(.tag("north"), by: attribution, now: now))
    }

    @Test func `a device that gets or loses a tag gets a release that it accepts`() async throws {
        let (archive, changes, counters) = try await makeArchive(releases: 2)
        let church = try await device(archive)
        _ = try await archive.setAlias(.tag("north"), to: counters[0], by: attribution, now: now)
        _ = try await archive.setAlias(.champion, to: counters[1], by: attribution, now: now)
        #expect(try await archive.release(for: church.id)?.counter == counters[1])
        try await changes.setTags(["north"], of: church, by: attribution, now: now)
        let north = try #require(try await archive.release(for: church.id))
        #expect(north.counter > counters[1])
        #expect(try await archive.release(counter: north.counter)?.run == 0)
        try await changes.setTags([], of: church, by: attribution, now: now)
        let champion = try #require(try await archive.release(for: church.id))
        #expect(champion.counter > north.counter)
        #expect(try await archive.release(counter: champion.counter)?.run == 1)
        let tower = try await device(archive, "tower")
        #expect(try await archive.release(for: tower.id) == champion, "the champion is one release for all devices")
    }
}
