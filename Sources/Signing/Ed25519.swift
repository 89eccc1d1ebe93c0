internal import CCrypto
internal import Text

@safe package final class PrivateKey {
    private let key: OpaquePointer
    package let publicKey: PublicKey

    /// - Parameter seed: 32 secret random bytes.
    package init(seed: [UInt8]) throws(SigningError) {
        guard seed.count == 32 else { throw SigningError.keyLength(seed.count) }
        let made = unsafe seed.withUnsafeBufferPointer {
            unsafe EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, $0.baseAddress, $0.count)
        }
        guard let made = unsafe made else { throw SigningError.libcrypto("refused the private key") }
        var raw = [UInt8](repeating: 0, count: 32)
        var length = raw.count
        let done = unsafe raw.withUnsafeMutableBufferPointer { unsafe EVP_PKEY_get_raw_public_key(made, $0.baseAddress, &length) }
        guard done == 1, length == 32, let publicKey = PublicKey(bytes: raw) else {
            unsafe EVP_PKEY_free(made)
            throw SigningError.libcrypto("returned no public key")
        }
        unsafe key = made
        self.publicKey = publicKey
    }

    deinit { unsafe EVP_PKEY_free(key) }

    package func signature(of message: [UInt8]) throws(SigningError) -> [UInt8] {
        guard let context = unsafe EVP_MD_CTX_new() else { throw SigningError.libcrypto("is out of memory") }
        defer { unsafe EVP_MD_CTX_free(context) }
        var signature = [UInt8](repeating: 0, count: 64)
        var length = signature.count
        guard unsafe EVP_DigestSignInit(context, nil, nil, nil, key) == 1 else {
            throw SigningError.libcrypto("could not initialize the signature")
        }
        let done = unsafe message.withUnsafeBufferPointer { input in
            unsafe signature.withUnsafeMutableBufferPointer { output in
                unsafe EVP_DigestSign(context, output.baseAddress, &length, input.baseAddress, input.count)
            }
        }
        guard done == 1, length == 64 else { throw SigningError.libcrypto("could not sign") }
        return signature
    }

    /// 32 random bytes from libcrypto's generator.
    package static func randomSeed() throws(SigningError) -> [UInt8] { try SecureRandom.bytes(32) }
}

package enum SecureRandom {
    package static func bytes(_ count: Int) throws(SigningError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let done = unsafe bytes.withUnsafeMutableBufferPointer { unsafe RAND_bytes($0.baseAddress, Int32($0.count)) }
        guard done == 1 else { throw SigningError.libcrypto("could not generate random bytes") }
        return bytes
    }
}

package struct PublicKey: Sendable, Hashable {
    package let bytes: [UInt8]  // 32

    package init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        self.bytes = bytes
    }

    package var hexadecimal: String { Hexadecimal.text(bytes) }

    /// The first 8 bytes of the key's SHA-256. A signature refers to its key by this id.
    package var id: [UInt8] { Array(SHA256.digest(bytes).prefix(8)) }

    /// The id as people see it: 16 hexadecimal digits.
    package var idText: String { Hexadecimal.text(id) }

    package func isValid(_ signature: some Collection<UInt8>, of message: [UInt8]) -> Bool {
        let signature = Array(signature)
        guard signature.count == 64,
            let key = unsafe bytes.withUnsafeBufferPointer({
                unsafe EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, $0.baseAddress, $0.count)
            })
        else { return false }
        defer { unsafe EVP_PKEY_free(key) }
        guard let context = unsafe EVP_MD_CTX_new() else { return false }
        defer { unsafe EVP_MD_CTX_free(context) }
        guard unsafe EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1 else { return false }
        return unsafe signature.withUnsafeBufferPointer { signature in
            unsafe message.withUnsafeBufferPointer { message in
                unsafe EVP_DigestVerify(context, signature.baseAddress, signature.count, message.baseAddress, message.count) == 1
            }
        }
    }
}
