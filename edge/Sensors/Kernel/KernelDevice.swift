package import Runtime

/// A device of a kernel driver below sysfs, and its possible names.
package struct KernelDevice: Sendable, Equatable {
    package enum Interface: String, Sendable, CaseIterable {
        case iio, hwmon
        var folder: String { self == .iio ? "bus/iio/devices" : "class/hwmon" }
        var humidityAttributes: [String] {
            self == .iio ? ["in_humidityrelative_input", "in_humidityrelative_raw"] : ["humidity1_input"]
        }
    }

    package let interface: Interface
    package let folder: String
    /// The content of the `name` file first, then the names in the chip's own folder: some drivers write the bus address into `name`
    /// (hdc100x, si7020), or append an address (dht11 by device tree: dht11@4).
    package let names: [String]
    package let address: String?  // the address on the bus: 1-0076, spi0.0, or the part after the @ in the device tree
    private let chip: String?  // the chip's own folder below sysfs; nil if no link leads to one

    /// The name that the configuration uses.
    package var name: String { names.first { !KernelDevice.isAddress($0) && !$0.utf8.contains(UInt8(ascii: "@")) } ?? names.first ?? "" }

    /// All devices of an interface, under their current numbers.
    package static func all(_ interface: Interface, sysfs: String) throws(FileError) -> [KernelDevice] {
        let folder = "\(sysfs)/\(interface.folder)"
        var devices: [KernelDevice] = []
        for entry in try Files.list(folder) where interface == .hwmon || entry.hasPrefix("iio:device") {
            devices.append(KernelDevice(interface, folder: "\(folder)/\(entry)"))
        }
        return devices
    }

    init(_ interface: Interface, folder: String) {
        self.interface = interface
        self.folder = folder
        // An hwmon device links to its chip's folder; an IIO device is inside its chip's folder.
        let chip: String? =
            switch interface {
            case .hwmon: Files.resolved("\(folder)/device")
            case .iio: Files.resolved(folder).map { "/" + $0.split(separator: "/").dropLast().joined(separator: "/") }
            }
        var names: [String] = []
        func add(_ name: some StringProtocol) {
            let at = UInt8(ascii: "@")
            for text in [String(name), String(decoding: name.utf8.prefix { $0 != at }, as: UTF8.self)] where !text.isEmpty && !names.contains(text) {
                names.append(text)
            }
        }
        add((try? Files.readTrimmed("\(folder)/name", limit: 256)) ?? "")
        var address: String?
        self.chip = chip.flatMap { $0.hasSuffix(interface.folder) ? nil : $0 }
        if let chip {
            add((try? Files.readTrimmed("\(chip)/name", limit: 256)) ?? "")
            let modalias = (try? Files.readTrimmed("\(chip)/modalias", limit: 1_024)) ?? ""
            if modalias.hasPrefix("i2c:") { add(modalias.dropFirst(4)) }
            // Zero-terminated strings, most with the vendor before a comma.
            let compatible = (try? Files.read("\(chip)/of_node/compatible", limit: 1_024)) ?? []
            for text in compatible.split(separator: 0) {
                add(String(decoding: text.split(separator: UInt8(ascii: ","), maxSplits: 1).last ?? text, as: UTF8.self))
            }
            if !chip.hasSuffix(interface.folder) { address = chip.split(separator: "/").last?.split(separator: "@").last.map(String.init) }
        }
        self.names = names
        self.address = address ?? names.first { KernelDevice.isAddress($0) }
    }

    /// Whether a device of another interface is the same chip: by the chip's folder, or by name if one of the devices has no link to its
    /// chip.
    package func isSameChip(as other: KernelDevice) -> Bool {
        guard interface != other.interface else { return false }
        if let chip, let there = other.chip { return chip == there }
        return !Set(names).isDisjoint(with: other.names)
    }

    /// Whether the device has a humidity attribute.
    package var hasHumidity: Bool { interface.humidityAttributes.contains { Files.exists("\(folder)/\($0)") } }

    /// A bus and four hexadecimal digits, as the kernel names I2C devices: 1-0040.
    static func isAddress(_ text: String) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        return parts.count == 2 && UInt32(parts[0]) != nil && parts[1].utf8.count == 4 && UInt32(parts[1], radix: 16) != nil
    }
}

/// The configured name of a kernel device: its name, and its bus address if several devices have the same name.
package struct KernelDeviceName: Sendable, Equatable, CustomStringConvertible {
    package let name: String
    package let address: String?

    package init(name: String, address: String? = nil) {
        self.name = name
        self.address = address
    }

    /// - Parameter text: `bme280`, `bme280@1-0076`, `bme280@spi0.0` or `dht11@4`.
    package init?(_ text: String) {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false).map(String.init)
        guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty && !$0.utf8.contains { $0 == UInt8(ascii: "/") || $0 < 32 } })
        else { return nil }
        name = parts[0]
        address = parts.count == 2 ? parts[1] : nil
    }

    package var description: String { address.map { "\(name)@\($0)" } ?? name }

    func matches(_ device: KernelDevice) -> Bool { device.names.contains(name) && (address == nil || address == device.address) }
}
