import Bytes
import Examples
import Forecasting
import Measures
import Observing
@testable import Releases
import Signing
import Testing

@Suite struct ReleaseTests {
    static func trustedKey() throws -> PrivateKey { try PrivateKey(seed: [UInt8](repeating: 7, count: 32)) }

    static func release(counter: UInt64 = 5) -> Release {
        let network = anyNetwork(seed: 3)
        let provenance = Provenance(snapshot: "abc", codeVersion: "test", seed: 0, configuration: "def", parent: "", backtest: "1 h 2.0")
        return Release(
            header: ReleaseHeader(
                counter: counter, modelID: "network-test", createdAt: Instant(ms: 1_700_000_000_000), expiresAt: Instant(ms: 1_800_000_000_000),
                provenance: provenance),
            network: network)
    }

    static func file(_ release: Release = release(), key: PrivateKey? = nil) throws -> [UInt8] {
        let key = try key ?? trustedKey()
        return try ReleaseFile.bytes(of: release, sha256: { SHA256.digest($0) }) { message in
            [ReleaseFile.Signature(keyID: key.publicKey.id, signature: try key.signature(of: message))]
        }
    }

    static func open(_ bytes: [UInt8], _ requirements: ReleaseVerification.Requirements = .init(lastAcceptedCounter: nil)) throws -> Release {
        let trusted = try trustedKey().publicKey
        return try ReleaseVerification.open(
            bytes, requirements, Cryptography(sha256: { SHA256.digest($0) }, isSigned: { $1 == trusted.id && trusted.isValid($2, of: $0) }))
    }

    /// The same file with changed content, hashed and signed again. An attacker without the key cannot make this file, but a bug can.
    static func resigned(_ bytes: [UInt8], _ change: (inout [UInt8]) -> Void) throws -> [UInt8] {
        var content = Array(bytes.dropLast(ReleaseFile.trailerLength))
        change(&content)
        let digest = SHA256.digest(content)
        let key = try trustedKey()
        let signature = try key.signature(of: ReleaseFile.signedMessage(digest: digest))
        return content + digest + [1, 0, 0, 0, 0, 0, 0, 0] + key.publicKey.id + signature + [UInt8](repeating: 0, count: 72)
    }

    private func refusal(_ bytes: [UInt8], _ requirements: ReleaseVerification.Requirements = .init(lastAcceptedCounter: nil)) -> String? {
        do { _ = try Self.open(bytes, requirements) } catch let error as ReleaseRefusal { return error.reason } catch { return "\(error)" }
        return nil
    }

    @Test func `a release decodes to the encoded value, takes at most 128 KB, and encodes to the same bytes each time`() throws {
        let bytes = try Self.file()
        #expect(try Self.open(bytes) == Self.release())
        #expect(bytes.count <= ReleaseFile.limit)
        #expect(try Self.file() == bytes)
    }

    @Test func `a flipped bit anywhere is refused`() throws {
        let bytes = try Self.file()
        for place in stride(from: 0, to: bytes.count - 72, by: 211) {
            var damaged = bytes
            damaged[place] ^= 1 << (place % 8)
            #expect(refusal(damaged) != nil, "byte \(place)")
        }
    }

    @Test func `a release that is truncated or has trailing bytes is refused`() throws {
        let bytes = try Self.file()
        for length in stride(from: 0, to: bytes.count, by: 997) { #expect(refusal(Array(bytes.prefix(length))) != nil) }
        #expect(refusal(bytes + [0]) == "length")
    }

    @Test func `a release signed with an untrusted key is refused`() throws {
        let foreign = try PrivateKey(seed: [UInt8](repeating: 9, count: 32))
        #expect(refusal(try Self.file(key: foreign)) == "signature")
    }

    @Test func `an older or equal counter is refused`() throws {
        #expect(refusal(try Self.file(), .init(lastAcceptedCounter: 5)) == "counter")
        #expect(refusal(try Self.file(), .init(lastAcceptedCounter: 4)) == nil)
    }

    @Test func `a file that is not the one announced is refused`() throws {
        #expect(refusal(try Self.file(), .init(sha256: [UInt8](repeating: 1, count: 32), lastAcceptedCounter: nil)) == "hash")
        #expect(refusal(try Self.file(), .init(length: 17, lastAcceptedCounter: nil)) == "length")
    }

    @Test func `a feature that this program cannot compute is refused by name`() throws {
        let name = Array("humidity.room".utf8)
        let bytes = try Self.resigned(try Self.file()) { content in
            guard let place = content.indices.first(where: { content[$0...].starts(with: name) }) else { return }
            content[place + 9] = UInt8(ascii: "m")
        }
        let error = #expect(throws: ReleaseRefusal.self) { try Self.open(bytes) }
        #expect(error?.reason == "contract")
        #expect(error?.description.contains("humidity.moom") == true)
    }

    @Test func `a model that computes other values on this host is refused by its golden vectors`() throws {
        let good = try Self.file()
        let file = try ReleaseFile(good)
        let weights = try #require(file.sections[.weights])
        let bytes = try Self.resigned(good) { content in
            for place in (weights.startIndex + 40)..<(weights.startIndex + 400) { content[place] ^= 0x01 }
        }
        #expect(refusal(bytes) == "golden")
    }

    @Test func `a release of an unknown format version is refused`() throws {
        #expect(refusal(try Self.resigned(try Self.file()) { $0[8] = 2 }) == "format")
    }
}
