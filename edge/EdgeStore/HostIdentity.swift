internal import Runtime
internal import Signing
internal import Text

/// Identifies the machine and its current boot.
package struct HostIdentity: Sendable, Equatable {
    package let fingerprint: String  // hash of hardware serial and machine-id: differs on a copied card or a cloned machine
    package let bootID: String

    package init(fingerprint: String, bootID: String) {
        self.fingerprint = fingerprint
        self.bootID = bootID
    }

    /// A number for the current boot, the same in every store. Two boots get the same number with a probability of one in eight million.
    /// SQLite stores the number in three bytes.
    package var boot: UInt32 {
        let digest = SHA256.digest(Array(bootID.utf8))
        return 1 + (UInt32(digest[0]) << 16 | UInt32(digest[1]) << 8 | UInt32(digest[2])) % (1 << 23 - 2)
    }

    /// Reads the board serial or product UUID, and the machine-id. A file that cannot be read counts as empty.
    package static func current() -> HostIdentity {
        let sources = ["/sys/firmware/devicetree/base/serial-number", "/sys/class/dmi/id/product_uuid", "/etc/machine-id"]
        let parts = sources.map { (try? Files.readTrimmed($0)) ?? "" }
        return HostIdentity(
            fingerprint: String(Hexadecimal.text(SHA256.digest(Array(parts.joined(separator: "\n").utf8))).prefix(16)),
            bootID: (try? Files.readTrimmed("/proc/sys/kernel/random/boot_id")) ?? "unknown")
    }
}
