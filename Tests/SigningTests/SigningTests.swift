import Signing
import Testing
import Text

@Suite struct SigningTests {
    // RFC 8032, section 7.1, test 2.
    private let seed = Hexadecimal.bytes("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb") ?? []
    private let publicKey = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    private let signature =
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"

    @Test func `Ed25519 gives the signature of the example in RFC 8032`() throws {
        let key = try PrivateKey(seed: seed)
        #expect(key.publicKey.hexadecimal == publicKey)
        #expect(Hexadecimal.text(try key.signature(of: [0x72])) == signature)
        #expect(key.publicKey.isValid(try key.signature(of: [0x72]), of: [0x72]))
    }

    @Test func `a signature is invalid for another message, another key or a flipped bit`() throws {
        let key = try PrivateKey(seed: seed)
        var bytes = try key.signature(of: [0x72])
        #expect(!key.publicKey.isValid(bytes, of: [0x73]))
        #expect(!(try PrivateKey(seed: PrivateKey.randomSeed()).publicKey.isValid(bytes, of: [0x72])))
        bytes[5] ^= 1
        #expect(!key.publicKey.isValid(bytes, of: [0x72]))
        #expect(!key.publicKey.isValid([], of: [0x72]))
    }

    @Test func `SHA-256 gives the digest of the example in FIPS 180-4`() {
        // FIPS 180-4: "abc".
        #expect(Hexadecimal.text(SHA256.digest(Array("abc".utf8))) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test func `a key file may hold comments, and an error names the wrong line`() throws {
        #expect(try ReleaseKeyFile.keys("# fleet\n\(publicKey)  # 2026\n", path: "k").map(\.hexadecimal) == [publicKey])
        let error = #expect(throws: SigningError.self) { try ReleaseKeyFile.keys("\n3d40\n", path: "k") }
        #expect(error?.description.hasPrefix("k:2:") == true)
        #expect(throws: SigningError.self) { try ReleaseKeyFile.keys("# none\n", path: "k") }
    }
}
