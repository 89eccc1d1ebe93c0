package import Releases
package import Signing
internal import Text

/// The reason to trust a release file. Both programs open all release files through this type.
package enum ReleaseTrust: Sendable {
    /// One of these keys signed the file: for files that come from another machine.
    case signed(by: [PublicKey])
    /// The file is the release that ships with the programs: its hash is compiled in.
    case shipped
    /// The file comes from this program's own registry, or a user passes its path to a command. No signature is checked.
    case local

    /// - Returns: the release, after all checks of `ReleaseVerification`.
    package func open(_ bytes: [UInt8], _ requirements: ReleaseVerification.Requirements = ReleaseVerification.Requirements()) throws(ReleaseRefusal)
        -> Release
    {
        switch self {
        case .signed(let keys):
            let isSigned: @Sendable ([UInt8], [UInt8], [UInt8]) -> Bool = { message, id, signature in
                keys.contains { $0.id == id && $0.isValid(signature, of: message) }
            }
            return try ReleaseVerification.open(bytes, requirements, Cryptography(sha256: { SHA256.digest($0) }, isSigned: isSigned))
        case .shipped: return try ShippedRelease.open(bytes, hash: Hexadecimal.text(SHA256.digest(bytes)), Self.unsigned)
        case .local:
            var requirements = requirements
            requirements.requiresSignature = false
            return try ReleaseVerification.open(bytes, requirements, Self.unsigned)
        }
    }

    private static let unsigned = Cryptography(sha256: { SHA256.digest($0) }, isSigned: { _, _, _ in false })
}
