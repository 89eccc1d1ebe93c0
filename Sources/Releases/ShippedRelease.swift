/// The release that ships beside the programs, so that a fresh device forecasts from its first hour. It bears no signature: it
/// is trusted by its hash alone, so nothing but deploy/pretrain.sh's own file is ever taken for it.
package enum ShippedRelease {
    package static let fileName = "pretrained.vaho"
    /// Of the whole file; deploy/pretrain.sh prints it.
    package static let sha256 = "334df463b9197341137fc7c3611d8b4ee0d2e99a0cbbecea54e15291f9f3e1a1"

    /// - Parameter hash: of the same bytes, as hexadecimal digits.
    package static func open(_ bytes: [UInt8], hash: String, _ cryptography: Cryptography) throws(ReleaseRefusal) -> Release {
        guard hash == sha256 else { throw .hash }
        return try ReleaseIntake.open(bytes, ReleaseIntake.Demand(counterAbove: nil, isSignatureNeeded: false), cryptography)
    }
}
