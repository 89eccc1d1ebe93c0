internal import CCrypto

/// SHA-256 (FIPS 180-4) by libcrypto.
package enum SHA256 {
    package static let length = 32

    package static func digest(_ bytes: some Collection<UInt8>) -> [UInt8] {
        let bytes = Array(bytes)
        var digest = [UInt8](repeating: 0, count: length)
        let done = unsafe bytes.withUnsafeBytes { input in
            unsafe digest.withUnsafeMutableBufferPointer { output in
                unsafe EVP_Digest(input.baseAddress, input.count, output.baseAddress, nil, EVP_sha256(), nil)
            }
        }
        // Fails only without free memory. A wrong digest must never be used.
        precondition(done == 1, "libcrypto could not compute a SHA-256")
        return digest
    }
}
