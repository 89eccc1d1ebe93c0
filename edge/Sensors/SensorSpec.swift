package import Measures
package import Simulation
internal import Text

/// The value of a `VAHO_SENSOR_…` variable: the kind of a sensor and how to find it.
package enum SensorSpec: Sendable, Equatable, CustomStringConvertible {
    case kernel(KernelDevice.Interface, KernelDeviceName)
    case i2c(I2CAddress)
    case simulated(SimulatedAir.Setting, seed: UInt64, faultPercent: Int = 0)
    case replay(path: String)
    case command(String)

    package static let kinds = [
        "iio:NAME", "hwmon:NAME", "i2c:CHIP@BUS:ADDRESS", "simulated", "simulated:room,seed=7", "simulated:outdoor", "replay:FILE.csv",
        "command:PROGRAM",
    ]

    /// - Throws: `SensorError`, whose description names the expected form.
    package init(_ text: String) throws(SensorError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let rest = parts.count > 1 ? parts[1] : ""
        switch parts[0] {
        case "iio" where !rest.isEmpty, "hwmon" where !rest.isEmpty:
            guard let interface = KernelDevice.Interface(rawValue: parts[0]), let name = KernelDeviceName(rest) else {
                throw SensorError("expected \(parts[0]):NAME, or \(parts[0]):NAME@BUS-ADDRESS such as \(parts[0]):bme280@1-0076")
            }
            self = .kernel(interface, name)
        case "i2c" where !rest.isEmpty: self = .i2c(try I2CAddress(rest))
        case "command" where !rest.isEmpty: self = .command(rest)
        case "replay" where !rest.isEmpty: self = .replay(path: rest)
        case "simulated": self = try SensorSpec.simulated(rest)
        default:
            let nearest =
                NearestWord.closest(parts[0], in: ["iio", "hwmon", "i2c", "simulated", "replay", "command"]).map { " (did you mean \($0)?)" } ?? ""
            throw SensorError("expected one of \(SensorSpec.kinds.joined(separator: ", "))\(nearest)")
        }
    }

    private static func simulated(_ options: String) throws(SensorError) -> SensorSpec {
        var setting = SimulatedAir.Setting.room
        var seed: UInt64 = 1
        var faultPercent = 0
        for option in options.split(separator: ",") {
            if let known = SimulatedAir.Setting(rawValue: String(option)) {
                setting = known
            } else if option.hasPrefix("seed="), let number = UInt64(option.dropFirst(5)) {
                seed = number
            } else if option.hasPrefix("faults="), let number = Int(option.dropFirst(7)), (0...100).contains(number) {
                faultPercent = number
            } else {
                throw SensorError("«\(option)» is not an option of simulated: room, outdoor, seed=NUMBER, faults=PERCENT")
            }
        }
        return .simulated(setting, seed: seed, faultPercent: faultPercent)
    }

    /// Creates the sensor; a device is searched for at the first read.
    ///
    /// - Parameters:
    ///   - startingAfter: rows of a recording up to this time are skipped.
    ///   - period: the time between two reads.
    package func open(sysfs: String, startingAfter: Instant?, period: Duration) throws -> any Sensor {
        switch self {
        case .kernel(let interface, let name): KernelSensor(interface, name: name, sysfs: sysfs)
        case .i2c(let place): I2CSensor(place)
        case .simulated(let setting, let seed, let faultPercent): SimulatedSensor(setting, seed: seed, faultPercent: faultPercent)
        case .command(let text): CommandSensor(text, period: period)
        case .replay(let path): try ReplaySensor(path: path, startingAfter: startingAfter)
        }
    }

    /// The form used in the configuration.
    package var description: String {
        switch self {
        case .kernel(let interface, let name): "\(interface.rawValue):\(name)"
        case .i2c(let place): "i2c:\(place)"
        case .simulated(let setting, let seed, let faultPercent):
            "simulated:\(setting.rawValue),seed=\(seed)\(faultPercent > 0 ? ",faults=\(faultPercent)" : "")"
        case .replay(let path): "replay:\(path)"
        case .command(let text): "command:\(text)"
        }
    }

    package var isReplay: Bool { if case .replay = self { true } else { false } }
    package var kind: String {
        switch self {
        case .kernel(let interface, _): interface.rawValue
        case .i2c: "i2c"
        case .simulated: "simulated"
        case .replay: "replay"
        case .command: "command"
        }
    }
}
