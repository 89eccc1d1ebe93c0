import ArchiveExamples
import Examples
import Foundation
import Measures
import Releases
import Runtime
import Signing
import Testing
import Text
import TrustedReleases
import Wire

@testable import Archive
@testable import Pipeline

/// Rotation and revocation of the keys that sign releases, in the archive.
@Suite(.timeLimit(.minutes(2))) struct KeyChangesTests {
    private let place = TemporaryArchive()
    private let attribution = Archive.Attribution(author: "nina", reason: "rotation")
    private var keyFile: String { place.location.keyFile }
    private let now = Instant(ms: 1_790_000_000_000)
    private static let pretrained = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../deploy/pretrained.vaho"

    private func signer(_ archive: Archive) async throws -> ReleaseSigner { try await ReleaseSigner(of: archive, keyFile: keyFile) }

    @discardableResult
    private func publish(_ archive: Archive, _ set: (KeyChanges) throws -> ReleaseKeySet) async throws -> Int {
        let signer = try await signer(archive)
        let changes = KeyChanges(archive: archive, signer: signer)
        var set = try set(changes)
        try signer.sign(&set)
        return try await changes.publish(set, by: attribution, now: now)
    }

    private func release(_ archive: Archive, _ seed: UInt64) async throws -> UInt64 {
        try await archive.registerExample(seed, signer: signer(archive), now: now)
    }

    private func signatures(_ archive: Archive, _ counter: UInt64) async throws -> Int {
        try ReleaseFile(#require(await archive.releaseBytes(counter: counter))).signatures.count
    }

    @Test func `during a rotation both keys sign, and after the revocation the champion is signed by the new key`() async throws {
        let archive = try await place.open()
        let old = try await signer(archive).ring.releaseKeys[0]
        let champion = try await release(archive, 1)
        try await archive.setAlias(.champion, to: champion, by: attribution, now: now)
        var file = try SigningKeyFile(keyFile)
        let new = try file.addKey()
        #expect(try await signatures(archive, release(archive, 2)) == 1, "devices do not trust the new key yet")
        #expect(try await publish(archive) { try $0.adding(new, now: now) } == 0)
        let both = try await release(archive, 3)
        #expect(try await signatures(archive, both) == 2)
        #expect(try await publish(archive) { try $0.revoking(old, now: now) } == 1)

        let renewed = try #require(try await archive.release(of: .champion))
        #expect(renewed.counter > both)
        let bytes = try #require(try await archive.releaseBytes(counter: renewed.counter))
        #expect(try ReleaseTrust.signed(by: [new]).open(bytes).network == anyNetwork(seed: 1))
        #expect(throws: ReleaseRefusal.signature) { try ReleaseTrust.signed(by: [old]).open(bytes) }
        #expect(
            try await ReleaseVerifier(reader: archive, ring: archive.keyring()).problem(with: #require(await archive.release(counter: both))) == nil)
        // A device that was offline all the time has pinned the old key: it accepts both sets, one after the other.
        var ring = ReleaseKeyring(pinned: [old])
        for set in try await archive.keySets(limit: 9).reversed() { try ring.accept(ReleaseKeySet(set.text), highestSerial: .max) }
        #expect(ring.releaseKeys == [new])
    }

    @Test func `a change that devices would refuse is not published`() async throws {
        let archive = try await place.open()
        let only = try await signer(archive).ring.releaseKeys[0]
        let stranger = try PrivateKey(seed: [UInt8](repeating: 3, count: 32))
        let changes = KeyChanges(archive: archive, signer: try await signer(archive))
        #expect(throws: KeyChanges.Impossible.self) { try changes.revoking(only, now: now) }
        #expect(throws: KeyChanges.Impossible.self) { try changes.revoking(stranger.publicKey, now: now) }
        #expect(throws: KeyChanges.Impossible.self) { try changes.adding(only, now: now) }
        var foreign = try changes.adding(stranger.publicKey, now: now)
        try foreign.sign(with: stranger)
        let set = foreign
        await #expect(throws: KeySetRefusal.signature(mustBeRoot: false)) { try await changes.publish(set, by: attribution, now: now) }
        #expect(try await archive.keySets(limit: 9).isEmpty)
        // Two commands at once: the second one was prepared with keys that are no longer present.
        var first = try changes.adding(stranger.publicKey, now: now)
        try await signer(archive).sign(&first)
        #expect(try await changes.publish(first, by: attribution, now: now) == 0)
        let second = first
        await #expect(throws: KeyChanges.Impossible.self) { try await changes.publish(second, by: attribution, now: now) }
    }

    @Test func `with a root key, the server alone cannot change the keys`() async throws {
        let archive = try await place.open()
        let root = try PrivateKey(seed: [UInt8](repeating: 4, count: 32))
        try await publish(archive) { try $0.addingRoot(root.publicKey, now: now) }
        var file = try SigningKeyFile(keyFile)
        let new = try file.addKey()
        await #expect(throws: KeySetRefusal.signature(mustBeRoot: true)) { try await publish(archive) { try $0.adding(new, now: now) } }
        let signer = try await signer(archive)
        let changes = KeyChanges(archive: archive, signer: signer)
        var set = try changes.adding(new, now: now)
        try set.sign(with: root)
        let onlyRoot = set
        await #expect(throws: KeyChanges.Impossible.self) { try await changes.publish(onlyRoot, by: attribution, now: now) }
        try signer.sign(&set)
        let complete = set
        #expect(try await changes.publish(complete, by: attribution, now: now) == 0)
        #expect(try await archive.keyring().releaseKeys.contains(new))
    }

    @Test func `a revocation is refused during a rollout if a release must be signed again`() async throws {
        let archive = try await place.open()
        let old = try await signer(archive).ring.releaseKeys[0]
        let counter = try await release(archive, 1)
        _ = try await RolloutChanges(archive: archive, signer: signer(archive), pretrained: nil).start(
            counter, tags: [], steps: .standard, by: attribution, now: now)
        var file = try SigningKeyFile(keyFile)
        let new = try file.addKey()
        try await publish(archive) { try $0.adding(new, now: now) }
        await #expect(throws: Archive.RolloutInProgress.self) { try await publish(archive) { try $0.revoking(old, now: now) } }
        #expect(try await archive.keySets(limit: 9).count == 1, "nothing was changed")
    }

    /// Replaces the private key of the server by its public key.
    private func removePrivateKey() throws -> [PrivateKey] {
        let file = try SigningKeyFile(keyFile)
        let keys = try file.privateKeys
        try Files.replace(keyFile, with: Array("public \(file.lines[0].publicKey.hexadecimal)\n".utf8), mode: 0o600)
        return keys
    }

    /// Stores a release that was signed again on another machine.
    private func importAgain(_ archive: Archive, _ release: Release, counter: UInt64, keys: [PrivateKey]) async throws -> UInt64 {
        let bytes = try ReleaseSigner.file(release.renewed(counter: counter, now: now + .seconds(5)), keys: keys)
        return try await ReleaseImport(archive: archive, signer: signer(archive)).store(bytes, by: .named("nina"), now: WallClock.now)
    }

    private func opened(_ archive: Archive, _ counter: UInt64) async throws -> Release {
        try ReleaseTrust.local.open(#require(await archive.releaseBytes(counter: counter)))
    }

    @Test func `without a private key on the server, a rollback waits for the releases that are signed on the other machine`() async throws {
        let archive = try await place.open()
        _ = try await signer(archive)
        let device = try await place.device(archive, "attic")
        try await archive.changeAliases { try $0.setTags(["north"], of: device) }
        let (north, south) = (try await release(archive, 1), try await release(archive, 2))
        try await archive.setAlias(.tag("north"), to: north, by: attribution, now: now)
        try await archive.setAlias(.tag("south"), to: south, by: attribution, now: now)
        let counter = try await release(archive, 3)
        let keys = try removePrivateKey()
        #expect(try await !signer(archive).canSign)
        let changes = RolloutChanges(archive: archive, signer: try await signer(archive), pretrained: nil)
        let id = try await changes.start(
            counter, tags: ["north", "south"], steps: try #require(RolloutSteps("50:7,100:0")), by: attribution, now: now)
        try await changes.reach(#require(await archive.rollout(id)), step: 0, through: RolloutPlace.last, by: attribution, now: now)
        #expect(try await archive.release(for: device)?.counter == counter)
        for _ in 0..<2 { try await changes.rollBack(#require(await archive.rollout(id)), by: attribution, now: now) }
        let held = try #require(try await archive.rollout(id))
        #expect(held.state == .paused && held.detail.contains("models export \(north),"), "\(held.detail)")
        #expect(try await archive.releaseBlock(of: counter) != nil)
        #expect(try await archive.release(for: device)?.counter == north, "a blocked release is not offered any more")
        #expect(try await archive.rolloutEvents(of: id).count == 3, "the second attempt changed nothing")

        _ = try await importAgain(archive, opened(archive, north), counter: counter + 1, keys: keys)
        try await changes.rollBack(#require(await archive.rollout(id)), by: attribution, now: now)
        #expect(try await archive.rollout(id)?.detail.contains("models export \(south),") == true)
        _ = try await importAgain(archive, opened(archive, south), counter: counter + 2, keys: keys)
        try await changes.rollBack(#require(await archive.rollout(id)), by: attribution, now: now)
        #expect(try await archive.rollout(id)?.state == .rolling_back)
        #expect(try await archive.release(for: device)?.counter == counter + 1)
        #expect(try await archive.release(of: .tag("south"))?.counter == counter + 2)
    }

    @Test func `without a private key and without a champion, the shipped release is signed on the other machine`() async throws {
        let archive = try await place.open()
        let counter = try await release(archive, 3)
        let keys = try removePrivateKey()
        let pretrained = try #require(try PretrainedNetwork(path: Self.pretrained))
        let changes = RolloutChanges(archive: archive, signer: try await signer(archive), pretrained: pretrained)
        try await archive.setAlias(.champion, to: counter, by: attribution, now: now)
        try await changes.replaceChampion(#require(await archive.release(of: .champion)), by: attribution, now: now)
        #expect(try await archive.release(of: .champion) == nil)
        let history = try await archive.aliasHistory(of: .champion, limit: 1)
        #expect(history.first?.reason.contains("the shipped release must be signed") == true)

        let next = try await importAgain(
            archive, Release(header: pretrained.release.header, network: anyNetwork(seed: 5)), counter: counter + 1, keys: keys)
        let id = try await changes.start(next, tags: [], steps: try #require(RolloutSteps("50:7,100:0")), by: attribution, now: now)
        try await changes.reach(#require(await archive.rollout(id)), step: 0, through: RolloutPlace.last, by: attribution, now: now)
        let needed = await #expect(throws: SignatureNeeded.self) { try await changes.abort(id, by: attribution, now: now) }
        #expect(needed?.counter == 0)
        let shipped = try await importAgain(archive, pretrained.release, counter: next + 1, keys: keys)
        try await changes.abort(id, by: attribution, now: now)
        #expect(try await archive.rollout(id)?.state == .aborting)
        #expect(try await archive.release(of: .champion)?.counter == shipped)
    }

    @Test func `two operators who add a key at the same time lose none`() async throws {
        _ = try await place.open()
        try SigningKeyFile.make(keyFile)
        var (one, other) = (try SigningKeyFile(keyFile), try SigningKeyFile(keyFile))
        let added = [try one.addKey(), try other.addKey()]
        #expect(try SigningKeyFile(keyFile).privateKeys.map(\.publicKey).suffix(2) == added)
    }

    @Test func `the key file names the line that is not a key`() throws {
        try Files.createFolder(place.location.folder)
        for (text, line) in [("", ""), ("xx\n", ":1"), (String(repeating: "ab", count: 32) + "\npublic 12\n", ":2")] {
            try Files.replace(keyFile, with: Array(text.utf8))
            let error = #expect(throws: SigningError.self) { try SigningKeyFile(keyFile) }
            #expect(error?.description.contains("\(keyFile)\(line): expected 64") == true)
        }
    }
}
