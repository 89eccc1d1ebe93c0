import EdgeStore
import Examples
import Forecasting
import Foundation
import Measures
import Releases
import Runtime
import Signing
import Testing
import TrustedReleases
import Wire

@testable import EdgeDaemon

/// The fleet's key sets on a device: new keys, revoked keys, damaged files.
@Suite struct KeySetIntakeTests {
    private let clock = ManualClock()
    private let folder = FileManager.default.temporaryDirectory.path + "/vaho-keys-\(UInt64.random(in: 0...(.max)))"
    private let releases = SignedReleases()

    private func intake() throws -> ModelIntake {
        try releases.pin([1], in: folder)
        return ModelIntake(
            folder: folder, keyFile: nil, access: .daemon(boot: 1, now: { [clock] in clock.serviceClock.wallClock }),
            serviceClock: clock.serviceClock,
            log: Log("test", minimumLevel: .error))
    }

    private func set(_ serial: UInt64, _ keys: [UInt8], revoked: [UInt8] = [], roots: [UInt8] = [], signedBy signers: [UInt8]) throws -> String {
        var set = ReleaseKeySet(
            serial: serial, keys: try keys.map { try releases.key($0).publicKey }, roots: try roots.map { try releases.key($0).publicKey },
            revoked: try revoked.map { try releases.key($0).publicKey })
        for signer in signers { try set.sign(with: releases.key(signer)) }
        return set.text
    }

    @Test func `a device that was offline during a rotation accepts all key sets at once`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let intake = try intake()
        await intake.acceptKeySets(
            try set(7, [1, 2], signedBy: [1]) + set(8, [2, 3], revoked: [1], signedBy: [1, 2]) + set(9, [3], revoked: [1, 2], signedBy: [2, 3]))
        #expect(await intake.keySetSerial() == 9)
        for (number, isTrusted) in [(1, false), (2, false), (3, true)] as [(UInt8, Bool)] {
            let (name, bytes) = try releases.file(counter: 5, key: number)
            await intake.install(bytes, as: name)
            #expect((intake.active.current?.name == name) == isTrusted)
        }
    }

    @Test func `a device that knows only the newest keys skips the sets that it cannot verify`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let intake = try intake()
        try releases.pin([3], in: folder)
        await intake.acceptKeySets(try set(7, [1, 2], signedBy: [1]) + set(9, [3], revoked: [2], roots: [9], signedBy: [9, 3]))
        #expect(await intake.keySetSerial() == 9)
        await intake.acceptKeySets(try set(10, [3, 4], signedBy: [3]))
        #expect(await intake.keySetSerial() == 9, "only the root may sign now")
    }

    @Test func `after a revocation, the device replaces releases that only the revoked key has signed with the shipped release`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let intake = try intake()
        let (old, oldBytes) = try releases.file(counter: 5, key: 1)
        await intake.install(oldBytes, as: old)
        await intake.acceptKeySets(try set(7, [1, 2], signedBy: [1]) + set(8, [2], revoked: [1], signedBy: [1, 2]))
        let (new, newBytes) = try releases.file(counter: 6, key: 2)
        await intake.applyTrust(offered: new)
        #expect(intake.active.current?.name == old, "the release with the new signature may be on its way")
        clock.advance(by: .seconds(3_600))
        await intake.applyTrust(offered: new)
        #expect(intake.active.current == nil)
        await intake.install(newBytes, as: new)
        #expect(intake.active.current?.name == new)
        await intake.applyTrust(offered: new)
        #expect(intake.active.current?.name == new)
    }

    @Test func `a revocation after which the release in use is still trusted changes nothing`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let intake = try intake()
        await intake.acceptKeySets(try set(7, [1, 2], signedBy: [1]))
        let (name, bytes) = try releases.file(counter: 5, keys: [1, 2])
        await intake.install(bytes, as: name)
        let since = intake.active.current?.since
        clock.advance(by: .seconds(60))
        await intake.acceptKeySets(try set(8, [2], revoked: [1], signedBy: [1, 2]))
        await intake.applyTrust(offered: name)
        #expect(intake.active.current?.name == name && intake.active.current?.since == since)
    }

    @Test func `a damaged key set file is fetched again, and never used`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let intake = try intake()
        await intake.acceptKeySets(try set(7, [1, 2], signedBy: [1]))
        let path = folder + "/release-key-set"
        let bytes = try Files.read(path, limit: 20_000)
        for place in bytes.indices {
            var damaged = bytes
            damaged[place] ^= 1
            try Files.replace(path, with: damaged)
            #expect(await intake.keySetSerial() == 0, "byte \(place)")
        }
        #expect(try KeyFiles(folder: folder, configured: nil).ring().keySet == nil)
        await intake.acceptKeySets(try set(7, [1, 2], signedBy: [1]))
        #expect(await intake.keySetSerial() == 7)
    }

    @Test func `if the disk is full, a revocation takes effect at once, and is stored when there is space again`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let intake = try intake()
        let obstacle = folder + "/release-key-set.new"  // the name of the temporary file is taken by a folder
        try FileManager.default.createDirectory(atPath: obstacle + "/x", withIntermediateDirectories: true)
        await intake.acceptKeySets(try set(7, [2], revoked: [1], signedBy: [1, 2]))
        let (old, bytes) = try releases.file(counter: 5, key: 1)
        await intake.install(bytes, as: old)
        #expect(intake.active.current == nil)
        try FileManager.default.removeItem(atPath: obstacle)
        #expect(await intake.keySetSerial() == 7)
        #expect(try KeyFiles(folder: folder, configured: nil).ring().keySet?.serial == 7)
    }

    @Test func `keys pinned by hand replace the key set, so that a device can join another cloud`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let intake = try intake()
        await intake.acceptKeySets(try set(7, [1], roots: [9], signedBy: [1]))
        try releases.pin([4], in: folder)
        #expect(await intake.keySetSerial() == 0)
        await intake.acceptKeySets(try set(3, [4, 5], signedBy: [4]))
        #expect(await intake.keySetSerial() == 3)
    }

    @Test func `the device asks for key sets once an hour, soon after a failure, and before each release`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let intake = try intake()
        func asks(after seconds: Int64, beforeRelease: Bool = false) async -> Bool {
            clock.advance(by: .seconds(seconds))
            return await intake.shouldFetchKeySets(beforeRelease: beforeRelease)
        }
        #expect(await asks(after: 0))
        #expect(await !asks(after: 3_599))
        #expect(await asks(after: 1))
        #expect(await asks(after: 1, beforeRelease: true))
        await intake.keySetFetchFailed()
        #expect(await !asks(after: 299))
        #expect(await asks(after: 1))
    }
}
