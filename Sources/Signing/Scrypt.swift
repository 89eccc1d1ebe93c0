internal import CCrypto

/// The password hash scrypt (RFC 7914) by libcrypto.
package enum Scrypt {
    /// The cost of one computation: `128 * blockSize * rounds` bytes of memory, and about `rounds * blockSize * parallel` steps.
    package struct Cost: Sendable, Equatable {
        package let rounds: UInt64  // N, a power of two
        package let blockSize: UInt64  // r
        package let parallel: UInt64  // p

        package init(rounds: UInt64, blockSize: UInt64, parallel: UInt64) {
            (self.rounds, self.blockSize, self.parallel) = (rounds, blockSize, parallel)
        }

        fileprivate var memory: UInt64 { 128 * blockSize * (rounds + parallel + 2) }
    }

    /// - Throws: `SigningError.libcrypto` if libcrypto refuses the cost, or lacks memory.
    package static func hash(_ password: some Collection<UInt8>, salt: [UInt8], _ cost: Cost, length: Int = 32) throws(SigningError) -> [UInt8] {
        let password = Array(password)
        var hash = [UInt8](repeating: 0, count: length)
        let done = unsafe password.withUnsafeBytes { password in
            unsafe salt.withUnsafeBufferPointer { salt in
                unsafe hash.withUnsafeMutableBufferPointer { hash in
                    unsafe EVP_PBE_scrypt(
                        password.baseAddress?.assumingMemoryBound(to: CChar.self), password.count, salt.baseAddress, salt.count, cost.rounds,
                        cost.blockSize, cost.parallel, cost.memory, hash.baseAddress, hash.count)
                }
            }
        }
        guard done == 1 else { throw SigningError.libcrypto("could not compute scrypt with N=\(cost.rounds), r=\(cost.blockSize)") }
        return hash
    }
}

/// Compares secrets in a time that does not depend on where they differ.
package func isSameSecret(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    guard a.count == b.count else { return false }
    return unsafe a.withUnsafeBytes { a in unsafe b.withUnsafeBytes { b in unsafe CRYPTO_memcmp(a.baseAddress, b.baseAddress, a.count) == 0 } }
}
