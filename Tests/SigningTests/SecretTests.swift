import Signing
import Testing
import Text

@Suite struct ScryptTests {
    /// The test vectors of RFC 7914, section 12.
    @Test(arguments: [
        (
            "", "", Scrypt.Cost(rounds: 16, blockSize: 1, parallel: 1),
            "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906"
        ),
        (
            "password", "NaCl", Scrypt.Cost(rounds: 1_024, blockSize: 8, parallel: 16),
            "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"
        ),
    ])
    func `the hashes of the standard's examples are right`(password: String, salt: String, cost: Scrypt.Cost, hash: String) throws {
        #expect(Hexadecimal.text(try Scrypt.hash(password.utf8, salt: Array(salt.utf8), cost, length: 64)) == hash)
    }

    @Test func `secrets are the same only with the same length and the same bytes`() {
        #expect(isSameSecret([1, 2, 3], [1, 2, 3]) && isSameSecret([], []))
        #expect(!isSameSecret([1, 2, 3], [1, 2, 4]) && !isSameSecret([1, 2, 3], [1, 2]) && !isSameSecret([], [0]))
    }
}

@Suite struct Base64Tests {
    /// The test vectors of RFC 4648, section 10.
    @Test(arguments: [("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob"), ("Zm9vYmE=", "fooba"), ("Zm9vYmFy", "foobar")])
    func `the standard's examples are decoded`(text: String, bytes: String) { #expect(Base64.decoded(text) == Array(bytes.utf8)) }

    @Test(arguments: ["", "Z", "Zg", "Zg=", "Zm9v!m9v", "Zm9vä===", String(repeating: "Zm9v", count: 1_025)])
    func `other text is refused`(text: String) { #expect(Base64.decoded(text) == nil) }
}
