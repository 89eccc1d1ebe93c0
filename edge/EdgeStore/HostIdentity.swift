internal import Runtime
internal import Signing
internal import Text

/// Which machine this is, and which of its starts.
package struct HostIdentity: Sendable, Equatable {
    package let fingerprint: String  // of what a copied card or a cloned machine does not share with its original
    package let bootID: String

    package init(fingerprint: String, bootID: String) {
        self.fingerprint = fingerprint
        self.bootID = bootID
    }

    /// The number of this start of the host: the same for every store, and other than those of other starts but for one chance in
    /// eight millions. SQLite keeps it in three bytes.
    package var boot: UInt32 {
        let digest = SHA256.digest(Array(bootID.utf8))
        return 1 + (UInt32(digest[0]) << 16 | UInt32(digest[1]) << 8 | UInt32(digest[2])) % (1 << 23 - 2)
    }

    /// Board serial or product UUID, and machine-id; what cannot be read counts as empty.
    package static func current() -> HostIdentity {
        let sources = ["/sys/firmware/devicetree/base/serial-number", "/sys/class/dmi/id/product_uuid", "/etc/machine-id"]
        let parts = sources.map { (try? Files.readTrimmed($0)) ?? "" }
        return HostIdentity(
            fingerprint: String(Hexadecimal.text(SHA256.digest(Array(parts.joined(separator: "\n").utf8))).prefix(16)),
            bootID: (try? Files.readTrimmed("/proc/sys/kernel/random/boot_id")) ?? "unknown")
    }
}
