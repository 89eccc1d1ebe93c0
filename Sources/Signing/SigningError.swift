/// Why a key or a signature cannot be made or read. Ed25519 (RFC 8032) keys have 32 bytes, signatures 64.
package enum SigningError: Error, Equatable, CustomStringConvertible {
    case keyLength(Int)
    /// A call of libcrypto failed. The text continues the sentence "libcrypto …".
    case libcrypto(String)
    /// A key file cannot be used. `line` is `nil` if the whole file is at fault; `remedy` says what the file must contain.
    case keyFile(path: String, line: Int?, remedy: String)

    package var description: String {
        switch self {
        case .keyLength(let count): "an Ed25519 key has 32 bytes, \(count) received"
        case .libcrypto(let failure): "libcrypto \(failure)"
        case .keyFile(let path, let line, let remedy): path + (line.map { ":\($0)" } ?? "") + ": " + remedy
        }
    }
}
