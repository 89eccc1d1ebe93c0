internal import Glibc
internal import Runtime

/// A sensor or bus that the host offers, found without writing to any device.
package enum DetectedSensor: Sendable, Equatable {
    /// - name: a name for the configuration, in capital letters.
    /// - otherInterfaces: the same chip through other kernel interfaces.
    case sensor(SensorSpec, name: String, otherInterfaces: [SensorSpec])
    /// An I2C bus, whose chips are not probed.
    /// - problem: why the bus cannot be used; `nil` if the bus can be used.
    case bus(Int, problem: String?)

    package static func all(sysfs: String) -> [DetectedSensor] {
        let devices = KernelDevice.Interface.allCases.flatMap { interface in
            ((try? KernelDevice.all(interface, sysfs: sysfs)) ?? []).filter { $0.hasHumidity && !$0.name.isEmpty }
        }
        func spec(_ device: KernelDevice) -> (spec: SensorSpec, name: String) {
            let isOne = devices.count { $0.interface == device.interface && $0.names.contains(device.name) } == 1
            let name = KernelDeviceName(name: device.name, address: isOne ? nil : device.address)
            return (.kernel(device.interface, name), variableName(name.description))
        }
        var detected: [DetectedSensor] = []
        for (place, device) in devices.enumerated() where !devices[..<place].contains(where: { $0.isSameChip(as: device) }) {
            let (chipSpec, name) = spec(device)
            detected.append(
                .sensor(chipSpec, name: name, otherInterfaces: devices[(place + 1)...].filter { $0.isSameChip(as: device) }.map { spec($0).spec }))
        }
        let buses = ((try? Files.list("\(sysfs)/class/i2c-dev")) ?? []).compactMap { $0.hasPrefix("i2c-") ? Int($0.dropFirst(4)) : nil }
        return detected + buses.sorted().map { .bus($0, problem: problem(ofBus: $0)) }
    }

    private static func problem(ofBus number: Int) -> String? {
        let path = "/dev/i2c-\(number)"
        guard unsafe access(path, R_OK | W_OK) != 0 else { return nil }
        switch errno {
        case EACCES, EPERM: return "\(path): permission denied: usermod -aG i2c USER, or the udev rule of the package"
        case ENOENT: return "\(path): the kernel has this bus, but the device file is missing: modprobe i2c-dev"
        default: return "\(path) cannot be opened"
        }
    }

    /// A sensor name made from a device name: capital letters, digits and underscores.
    private static func variableName(_ name: String) -> String {
        String(decoding: name.uppercased().utf8.map { ($0 >= 48 && $0 <= 57) || ($0 >= 65 && $0 <= 90) ? $0 : 95 }, as: UTF8.self)
    }
}
