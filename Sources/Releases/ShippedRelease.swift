/// The release that ships beside the programs, so that a fresh device forecasts from its first hour. It bears no signature: it
/// is trusted by its hash alone, so nothing but deploy/pretrain.sh's own file is ever taken for it.
package enum ShippedRelease {
    package static let fileName = "pretrained.vaho"
    /// Of the whole file; deploy/pretrain.sh prints it.
    package static let sha256 = "e5ff02c290b61666a59a14814136d6f3935a8aa644d20533f07e753eaad5e46d"

    /// - Parameter hash: of the same bytes, as hexadecimal digits.
    package static func open(_ bytes: [UInt8], hash: String, _ cryptography: Cryptography) throws(ReleaseRefusal) -> Release {
        guard hash == sha256 else { throw .hash }
        return try ReleaseIntake.open(bytes, ReleaseIntake.Demand(counterAbove: nil, isSignatureNeeded: false), cryptography)
    }
}
