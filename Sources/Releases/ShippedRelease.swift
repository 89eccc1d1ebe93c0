/// The release that ships beside the programs, so that a fresh device forecasts from its first hour. It bears no signature: it
/// is trusted by its hash alone, so nothing but deploy/pretrain.sh's own file is ever taken for it.
package enum ShippedRelease {
    package static let fileName = "pretrained.vaho"
    /// Of the whole file; deploy/pretrain.sh prints it.
    package static let sha256 = "1433c7c44037398e86036a08964483f5468fb49918b627d67f436ddc239d4a1f"

    /// - Parameter hash: of the same bytes, as hexadecimal digits.
    package static func open(_ bytes: [UInt8], hash: String, _ cryptography: Cryptography) throws(ReleaseRefusal) -> Release {
        guard hash == sha256 else { throw .hash }
        return try ReleaseIntake.open(bytes, ReleaseIntake.Demand(counterAbove: nil, isSignatureNeeded: false), cryptography)
    }
}
