internal import Measures
internal import Observing
internal import Runtime
internal import Text

/// A sensor with a kernel driver, read through sysfs: IIO or hwmon.
///
/// It is found by the name its driver gives, never by number: numbers change from start to start.
package actor KernelSensor: Sensor {
    package enum Interface: String, Sendable {
        case iio, hwmon
        var folder: String { self == .iio ? "bus/iio/devices" : "class/hwmon" }
    }

    private let executor = BlockingExecutor(label: "kernel-sensor")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    package nonisolated let identity: SensorIdentity
    private let interface: Interface
    private let name: String
    private let sysfs: String
    private let traits: DriverTraits
    private var device: String?  // its folder, as last found

    package init(_ interface: Interface, name: String, sysfs: String) throws {
        self.interface = interface
        self.name = name
        self.sysfs = sysfs
        traits = DriverTraits.of(driver: name)
        identity = SensorIdentity(kind: interface.rawValue, driver: name)
    }

    package func read() throws -> Sample? {
        let device = try self.device ?? find()
        self.device = device
        do {
            return try sample(device)
        } catch {
            self.device = nil  // it may have come back under another number
            throw error
        }
    }

    private func find() throws -> String {
        let folder = "\(sysfs)/\(interface.folder)"
        let devices: [String]
        do { devices = try Files.list(folder) } catch { throw SensorError("\(error): is the driver loaded?") }
        var seen: [String] = []
        for device in devices {
            guard let found = try? Files.readTrimmed("\(folder)/\(device)/name") else { continue }
            if found == name { return "\(folder)/\(device)" }
            seen.append(found)
        }
        let others = seen.isEmpty ? "there is none" : "there are \(Set(seen).sorted().joined(separator: ", "))"
        throw SensorError("no \(interface.rawValue) device named «\(name)» below \(folder): \(others)")
    }

    private func sample(_ device: String) throws -> Sample {
        let humidity: Double?
        let temperature: Double?
        switch interface {
        case .hwmon:
            humidity = try attribute("\(device)/humidity1_input")
            temperature = try attribute("\(device)/temp1_input")
        case .iio:
            humidity = try channel(device, "in_humidityrelative").map { $0 * traits.humidityFactor }
            temperature = try channel(device, "in_temp")
        }
        guard let humidity else { throw SensorError("\(device) has no humidity attribute") }
        guard let mpct = Milli.whole(humidity / 1_000) else { throw SensorError("\(device) says a humidity of \(humidity), which fits nowhere") }
        var flags = traits.flags
        if QualityControl.isImpossible(humidityMpct: mpct) { flags.insert(.impossible) }
        return Sample(humidityMpct: mpct, temperatureMc: temperature.flatMap { Milli.whole($0 / 1_000) }, flags: flags)
    }

    /// `_input`, or (raw + offset) · scale, in thousandths of the unit.
    private func channel(_ device: String, _ prefix: String) throws -> Double? {
        if let input = try attribute("\(device)/\(prefix)_input") { return input }
        guard let raw = try attribute("\(device)/\(prefix)_raw") else { return nil }
        let offset = try attribute("\(device)/\(prefix)_offset") ?? 0
        let scale = try attribute("\(device)/\(prefix)_scale") ?? 1
        return (raw + offset) * scale
    }

    /// - Returns: `nil` where there is no such file.
    private func attribute(_ path: String) throws -> Double? {
        let text: String
        do { text = try Files.readTrimmed(path, limit: 256) } catch {
            guard error.isMissing else { throw SensorError("\(error)") }
            return nil
        }
        guard let value = NumberText.decimal(text) else { throw SensorError("\(path) says «\(text.prefix(60))», a number was expected") }
        return value
    }
}

/// What is peculiar to a driver. Source: the drivers below drivers/iio/humidity and drivers/hwmon of Linux.
struct DriverTraits: Sendable {
    var humidityFactor = 1.0  // to milli-percent
    var flags: ReadingFlags = []

    static func of(driver: String) -> DriverTraits {
        switch driver {
        case "bme680": DriverTraits(humidityFactor: 1_000)  // breaks the ABI: percent
        case "sht3x", "aht10", "si7020": DriverTraits(flags: .unchecked)
        default: DriverTraits()
        }
    }
}
