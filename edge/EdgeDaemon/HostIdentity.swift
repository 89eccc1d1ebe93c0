internal import Runtime
internal import Signing

/// Which machine this is, and which of its starts.
package struct HostIdentity: Sendable, Equatable {
    package let fingerprint: String  // of what a copied card or a cloned machine does not share with its original
    package let bootID: String

    package init(fingerprint: String, bootID: String) {
        self.fingerprint = fingerprint
        self.bootID = bootID
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
