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

/// Attacks on a device by a cloud or a network that offers something else than the fleet's next release. The device keeps release 5 in every case.
@Suite struct ReleaseAttackTests {
    private let folder = FileManager.default.temporaryDirectory.path + "/vaho-attack-\(UInt64.random(in: 0...(.max)))"
    private let releases = SignedReleases()
    private static let trailer = 32 + ReleaseFile.signaturesLength

    /// A device that trusts key 1, has key 9 revoked, and runs release 5.
    private func intake() async throws -> ModelIntake {
        try releases.pin([1, 9], in: folder)
        let clock = ManualClock()
        let intake = ModelIntake(
            folder: folder, keyFile: nil, access: .daemon(boot: 1, now: { clock.serviceClock.wallClock }), serviceClock: clock.serviceClock,
            log: Log("test", minimumLevel: .error))
        var set = ReleaseKeySet(serial: 1, keys: [try releases.key(1).publicKey], revoked: [try releases.key(9).publicKey])
        try set.sign(with: releases.key(1))
        await intake.acceptKeySets(set.text)
        let (name, bytes) = try releases.file(counter: 5, key: 1)
        await intake.install(bytes, as: name)
        return intake
    }

    /// A file with changed content, its right hash, and the signature of a trusted key if it is signed again.
    private static func changed(_ bytes: [UInt8], signedBy key: PrivateKey? = nil, _ change: (inout [UInt8]) -> Void) throws -> [UInt8] {
        var content = Array(bytes.dropLast(trailer))
        change(&content)
        let digest = SHA256.digest(content)
        guard let key else { return content + digest + bytes.suffix(ReleaseFile.signaturesLength) }
        let signature = try key.signature(of: ReleaseFile.signedMessage(digest: digest))
        return content + digest + [1, 0, 0, 0, 0, 0, 0, 0] + key.publicKey.id + signature + [UInt8](repeating: 0, count: 72)
    }

    struct Attack: CustomTestStringConvertible {
        let testDescription: String
        let words: String  // of the refusal
        /// Makes the offered file of release 6 or the like, and the announcement (`nil`: the true one).
        let make: @Sendable (SignedReleases) throws -> (bytes: [UInt8], announced: ReleaseReference?)
    }

    private static let untrusted = "not signed by a trusted key"

    static let attacks = [
        Attack(testDescription: "a signature by a foreign key", words: untrusted) { (try $0.file(counter: 6, key: 2).bytes, nil) },
        Attack(testDescription: "a signature by a revoked key that was pinned", words: untrusted) { (try $0.file(counter: 6, key: 9).bytes, nil) },
        Attack(testDescription: "no signature", words: untrusted) { (try $0.file(counter: 6, keys: []).bytes, nil) },
        Attack(testDescription: "the id of a trusted key with a foreign signature", words: untrusted) { releases in
            var bytes = try releases.file(counter: 6, key: 2).bytes
            bytes.replaceSubrange((bytes.count - 144)..<(bytes.count - 136), with: try releases.key(1).publicKey.id)
            return (bytes, nil)
        },
        Attack(testDescription: "the content of one release with the signature of another", words: untrusted) { releases in
            let one = try releases.file(counter: 6, key: 1).bytes
            let other = try releases.file(counter: 7, network: anyNetwork(seed: 8), keys: [1]).bytes
            return (try changed(one) { $0 = Array(other.dropLast(trailer)) }, nil)
        },
        Attack(testDescription: "the header of one release with the weights of another", words: untrusted) { releases in
            let one = try releases.file(counter: 6, key: 1).bytes
            let other = try releases.file(counter: 6, network: anyNetwork(seed: 8), keys: [1]).bytes
            let half = (one.count - trailer) / 2
            return (try changed(one) { $0 = Array($0[..<half] + other[half..<(other.count - trailer)]) }, nil)
        },
        Attack(testDescription: "the same release again", words: "counter") {
            (try $0.file(counter: 5, network: anyNetwork(seed: 8), keys: [1]).bytes, nil)
        },
        Attack(testDescription: "an older release", words: "counter") { (try $0.file(counter: 4, key: 1).bytes, nil) },
        Attack(testDescription: "an older release under the name of a newer one", words: "SHA-256") { releases in
            (try releases.file(counter: 4, key: 1).bytes, try releases.file(counter: 6, key: 1).name)
        },
        Attack(testDescription: "an older release with its own hash and a newer counter", words: "counter") { releases in
            let old = try releases.file(counter: 4, key: 1)
            return (old.bytes, ReleaseReference(counter: 6, sha256: old.name.sha256))
        },
        Attack(testDescription: "a counter that no later release could follow", words: "counter") { (try $0.file(counter: .max, key: 1).bytes, nil) },
        Attack(testDescription: "a signed release with an input that this program does not have", words: "contract") { releases in
            let bytes = try releases.file(counter: 6, key: 1).bytes
            let name = Array("humidity.room".utf8)
            let place = try #require(bytes.indices.first { bytes[$0...].starts(with: name) })
            return (try changed(bytes, signedBy: releases.key(1)) { $0[place + 9] = UInt8(ascii: "m") }, nil)
        },
        Attack(testDescription: "the release of another device group than the announced one", words: "SHA-256") { releases in
            (try releases.file(counter: 7, network: anyNetwork(seed: 8), keys: [1]).bytes, try releases.file(counter: 6, key: 1).name)
        },
        Attack(testDescription: "nothing", words: "length") { (_: SignedReleases) in ([], ReleaseReference(counter: 6, sha256: SHA256.digest([]))) },
        Attack(testDescription: "more bytes after the release", words: "length") { (try $0.file(counter: 6, key: 1).bytes + [0], nil) },
        Attack(testDescription: "a file above the limit", words: "length") { (_: SignedReleases) in
            ([UInt8](repeating: 0x89, count: ReleaseFile.limit + 1), nil)
        },
    ]

    @Test(arguments: attacks) func `an attack is refused for its own reason, and release 5 stays in use`(attack: Attack) async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let intake = try await intake()
        let (bytes, announced) = try attack.make(releases)
        await intake.install(bytes, as: announced ?? ReleaseReference(counter: 6, sha256: SHA256.digest(bytes)))
        #expect(intake.active.current?.name.counter == 5)
        let refusal = await intake.refusal ?? "not refused"
        #expect(refusal.contains(attack.words), "\(refusal)")
        // The next true release is still accepted.
        let next = try releases.file(counter: 8, network: anyNetwork(seed: 4), keys: [1])
        await intake.install(next.bytes, as: next.name)
        #expect(intake.active.current?.name == next.name)
    }

    @Test func `a flipped bit anywhere, and a file cut off anywhere, is refused`() throws {
        let bytes = try releases.file(counter: 6, key: 1).bytes
        let trust = ReleaseTrust.signed(by: [try releases.key(1).publicKey])
        #expect(try trust.open(bytes).header.counter == 6)
        let content = bytes.count - Self.trailer
        // Every byte of the sections' table and of the trailer; of the weights, which differ in nothing but the place, every 97th.
        let places = Array(0..<256) + stride(from: 256, to: content, by: 97) + Array(content..<bytes.count)
        for place in places {
            var flipped = bytes
            flipped[place] ^= 1 << UInt8(place % 8)
            #expect(throws: ReleaseRefusal.self, "byte \(place)") { try trust.open(flipped) }
            #expect(throws: ReleaseRefusal.self, "\(place) bytes") { try trust.open(Array(bytes[..<place])) }
        }
    }

    @Test func `an expired release goes on forecasting, and a release that is signed later replaces it`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let intake = try await intake()
        #expect(intake.active.current?.release.isExpired(at: Instant(ms: 3)) == true)
        let next = try releases.file(counter: 6, network: anyNetwork(seed: 4), createdAt: Instant(ms: 5), expiresAt: Instant(ms: 9), keys: [1])
        await intake.install(next.bytes, as: next.name)
        #expect(intake.active.current?.release.isExpired(at: Instant(ms: 3)) == false)
    }
}
