/// The release that is installed with the programs, so that a new device forecasts from its first hour.
///
/// The file has no signature. Trust is based on its hash alone: only the exact file from deploy/pretrain.sh is accepted.
package enum ShippedRelease {
    package static let fileName = "pretrained.vaho"
    /// SHA-256 of the whole file; deploy/pretrain.sh prints it.
    package static let sha256 = "334df463b9197341137fc7c3611d8b4ee0d2e99a0cbbecea54e15291f9f3e1a1"

    /// - Parameter hash: SHA-256 of the bytes, as hexadecimal digits.
    package static func open(_ bytes: [UInt8], hash: String, _ cryptography: Cryptography) throws(ReleaseRefusal) -> Release {
        guard hash == sha256 else { throw .hash }
        return try ReleaseVerification.open(bytes, ReleaseVerification.Requirements(lastAcceptedCounter: nil, requiresSignature: false), cryptography)
    }
}
