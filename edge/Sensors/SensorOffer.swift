internal import Glibc
internal import Runtime

/// What a host has to read humidity from, as far as it can be told without writing to anything.
package enum SensorOffer: Sendable, Equatable {
    /// - name: for the configuration, in capital letters.
    case sensor(SensorSpec, name: String)
    /// An I2C bus, whose chips are not asked; and why it cannot be used, if it cannot.
    case bus(Int, problem: String?)

    package static func all(sysfs: String) -> [SensorOffer] {
        var offers: [SensorOffer] = []
        for interface in KernelDevice.Interface.allCases {
            let devices = ((try? KernelDevice.all(interface, sysfs: sysfs)) ?? []).filter { $0.hasHumidity && !$0.name.isEmpty }
            for device in devices {
                let isOne = devices.count { $0.names.contains(device.name) } == 1
                let name = KernelDeviceName(name: device.name, address: isOne ? nil : device.address)
                offers.append(.sensor(.kernel(interface, name), name: variable(name.description)))
            }
        }
        let buses = ((try? Files.list("\(sysfs)/class/i2c-dev")) ?? []).compactMap { $0.hasPrefix("i2c-") ? Int($0.dropFirst(4)) : nil }
        return offers + buses.sorted().map { .bus($0, problem: problem(ofBus: $0)) }
    }

    private static func problem(ofBus number: Int) -> String? {
        let path = "/dev/i2c-\(number)"
        guard unsafe access(path, R_OK | W_OK) != 0 else { return nil }
        switch errno {
        case EACCES, EPERM: return "\(path): permission denied: usermod -aG i2c USER, or the udev rule of the package"
        case ENOENT: return "\(path): the kernel knows the bus, its device file is missing: modprobe i2c-dev"
        default: return "\(path) cannot be opened"
        }
    }

    /// A sensor's name from a device's: capital letters, digits and underscores.
    private static func variable(_ name: String) -> String {
        String(decoding: name.uppercased().utf8.map { ($0 >= 48 && $0 <= 57) || ($0 >= 65 && $0 <= 90) ? $0 : 95 }, as: UTF8.self)
    }
}
