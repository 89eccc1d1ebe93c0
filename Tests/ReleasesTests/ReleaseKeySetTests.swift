import Signing
import Testing
import TrustedReleases

@Suite struct ReleaseKeySetTests {
    private func key(_ byte: UInt8) throws -> PrivateKey { try PrivateKey(seed: [UInt8](repeating: byte, count: 32)) }

    private func set(
        _ serial: UInt64, keys: [UInt8], roots: [UInt8] = [], revoked: [UInt8] = [], signedBy signers: [UInt8]
    ) throws -> ReleaseKeySet {
        var set = ReleaseKeySet(
            serial: serial, keys: try keys.map { try key($0).publicKey }, roots: try roots.map { try key($0).publicKey },
            revoked: try revoked.map { try key($0).publicKey })
        for signer in signers { try set.sign(with: key(signer)) }
        return set
    }

    /// A device that has pinned key 1 at its enrolment.
    private func ring() throws -> ReleaseKeyring { ReleaseKeyring(pinned: [try key(1).publicKey]) }

    private func refusal(_ ring: ReleaseKeyring, _ set: ReleaseKeySet) -> KeySetRefusal? {
        var ring = ring
        do { try ring.accept(set, highestSerial: 1_000) } catch { return error }
        return nil
    }

    @Test func `a set reads as it was written, and a changed character anywhere is refused`() throws {
        let set = try set(7, keys: [1, 2], roots: [3], revoked: [4], signedBy: [1])
        #expect(try ReleaseKeySet(set.text) == set)
        let (bytes, ring) = (Array(set.text.utf8), try ring())
        func isRefused(_ bytes: [UInt8]) -> Bool {
            guard let set = try? ReleaseKeySet(String(decoding: bytes, as: UTF8.self)) else { return true }
            return refusal(ring, set) != nil
        }
        #expect(!isRefused(bytes))
        for place in bytes.indices {
            for bit in 0..<8 as Range<UInt8> {
                var changed = bytes
                changed[place] ^= 1 << bit
                #expect(isRefused(changed), "bit \(bit) of byte \(place)")
            }
            #expect(isRefused(Array(bytes[..<place])), "\(place) bytes")
        }
    }

    @Test func `lines in another order, unknown lines, other versions and keys listed twice are refused`() throws {
        let text = try set(7, keys: [1, 2], signedBy: [1]).text
        let lines = text.split(separator: "\n").map(String.init)
        for changed in [
            text.replacing("release keys 1", with: "release keys 2"), text + "expires 5\n", text.replacing("serial 7", with: "serial 07"),
            ([lines[0], lines[1], lines[3], lines[2]] + lines[4...]).reversed().joined(separator: "\n"), text.uppercased(), "",
            String(repeating: "x", count: ReleaseKeySet.byteLimit + 1),
        ] {
            #expect(throws: KeySetRefusal.self) { try ReleaseKeySet(changed) }
        }
        for problem in [
            try set(7, keys: [1, 1], signedBy: [1]), try set(7, keys: [], signedBy: [1]), try set(7, keys: [1], revoked: [1], signedBy: [1]),
            try set(0, keys: [1], signedBy: [1]),
        ] {
            #expect(throws: KeySetRefusal.self) { try ReleaseKeySet(problem.text) }
        }
    }

    @Test func `a new key is trusted only in a set that a trusted key has signed, and only above the present serial`() throws {
        var ring = try ring()
        #expect(refusal(ring, try set(7, keys: [1, 2], signedBy: [2])) == .signature(mustBeRoot: false))
        #expect(refusal(ring, try set(7, keys: [1, 2], signedBy: [])) == .signature(mustBeRoot: false))
        try ring.accept(try set(7, keys: [1, 2], signedBy: [1]), highestSerial: 1_000)
        #expect(try ring.releaseKeys == [key(1).publicKey, key(2).publicKey])
        #expect(refusal(ring, try set(7, keys: [1, 3], signedBy: [1])) == .serial(offered: 7, accepted: 7))
        #expect(refusal(ring, try set(6, keys: [1, 3], signedBy: [1])) == .serial(offered: 6, accepted: 7))
        #expect(refusal(ring, try set(.max, keys: [1, 3], signedBy: [1])) == .serialTooHigh(serial: .max, atMost: 1_000))
    }

    @Test func `a revoked key signs nothing any more, although it was pinned`() throws {
        var ring = try ring()
        try ring.accept(try set(7, keys: [1, 2], signedBy: [1]), highestSerial: 1_000)
        try ring.accept(try set(8, keys: [2], revoked: [1], signedBy: [1, 2]), highestSerial: 1_000)
        #expect(try ring.releaseKeys == [key(2).publicKey])
        #expect(refusal(ring, try set(9, keys: [1, 5], signedBy: [1])) == .signature(mustBeRoot: false))
        #expect(refusal(ring, try set(9, keys: [2, 5], revoked: [1], signedBy: [2])) == nil)
    }

    @Test func `with a root key, a stolen signing key cannot change the keys`() throws {
        var ring = try ring()
        try ring.accept(try set(7, keys: [1], roots: [9], signedBy: [1]), highestSerial: 1_000)
        #expect(refusal(ring, try set(8, keys: [5], revoked: [1], signedBy: [1, 5])) == .signature(mustBeRoot: true))
        try ring.accept(try set(8, keys: [2], roots: [9], revoked: [1], signedBy: [9, 2]), highestSerial: 1_000)
        #expect(try ring.releaseKeys == [key(2).publicKey])
        try ring.accept(try set(9, keys: [2], roots: [8], revoked: [1, 9], signedBy: [9, 2]), highestSerial: 1_000)
        #expect(refusal(ring, try set(10, keys: [2], roots: [9], revoked: [1], signedBy: [9])) == .signature(mustBeRoot: true))
    }

    @Test func `sets that follow each other in one text are separated`() throws {
        let sets = [try set(7, keys: [1, 2], signedBy: [1]), try set(8, keys: [2], revoked: [1], signedBy: [1, 2])].map(\.text)
        #expect(ReleaseKeySet.texts(in: sets.joined()) == sets)
        #expect(ReleaseKeySet.texts(in: "").isEmpty)
        #expect(ReleaseKeySet.texts(in: "noise\n" + sets[0]) == ["noise\n", sets[0]])
    }
}
