import Foundation
import Glibc
import Measures
import Runtime
@testable import Sensors
import Synchronization
import Testing

@Suite struct HeaterTests {
    private let sysfs = FakeSysfs()

    @Test(arguments: [
        (KernelDevice.Interface.hwmon, "heater_enable", "1", true), (.hwmon, "heater_enable", "0", false),
        (.iio, "out_current_heater_raw", "1", true),
        (.iio, "out_current_heater_raw", "0", false), (.hwmon, "other", "1", false),
    ])
    func `a reading of a part with its heater on is flagged`(interface: KernelDevice.Interface, file: String, value: String, isHeated: Bool)
        async throws
    {
        let folder = interface == .hwmon ? "class/hwmon/hwmon0" : "bus/iio/devices/iio:device0"
        try sysfs.write("\(folder)/name", "sht3x")
        try sysfs.write("\(folder)/\(interface == .hwmon ? "humidity1_input" : "in_humidityrelative_input")", "45000")
        try sysfs.write("\(folder)/\(file)", value)
        let sensor = KernelSensor(interface, name: KernelDeviceName(name: "sht3x"), sysfs: sysfs.root)
        #expect(try await sensor.read()?.flags.contains(.heated) == isHeated)
    }

    @Test func `a heater switch that is off overrides a configured heater power`() async throws {
        for (file, value) in [("name", "si7020"), ("in_humidityrelative_input", "45000"), ("heater_en", "0"), ("out_current_heater_raw", "3")] {
            try sysfs.write("bus/iio/devices/iio:device0/\(file)", value)
        }
        let sensor = KernelSensor(.iio, name: KernelDeviceName(name: "si7020"), sysfs: sysfs.root)
        #expect(try await sensor.read()?.flags.contains(.heated) == false)
    }
}

@Suite struct DetectedSensorTests {
    private let sysfs = FakeSysfs()

    @Test func `the sensors of a host are found, with lines ready for the configuration`() throws {
        try sysfs.write("class/hwmon/hwmon0/name", "coretemp")
        try sysfs.write("class/hwmon/hwmon1/name", "sht4x")
        try sysfs.write("class/hwmon/hwmon1/humidity1_input", "45000")
        for (number, address) in [(0, "1-0076"), (3, "1-0077")] {
            try sysfs.write("devices/i2c-1/\(address)/iio:device\(number)/name", "bme280")
            try sysfs.write("devices/i2c-1/\(address)/iio:device\(number)/in_humidityrelative_input", "45000")
            try sysfs.link("bus/iio/devices/iio:device\(number)", to: "devices/i2c-1/\(address)/iio:device\(number)")
        }
        try sysfs.write("class/i2c-dev/i2c-211/dev", "89:211")
        let detected = DetectedSensor.all(sysfs: sysfs.root)
        let specs = detected.compactMap { if case .sensor(let spec, let name, _) = $0 { "\(name)=\(spec)" } else { nil } }
        #expect(specs == ["BME280_1_0076=iio:bme280@1-0076", "BME280_1_0077=iio:bme280@1-0077", "SHT4X=hwmon:sht4x"])
        guard case .bus(211, let problem) = detected.last else { return #expect(Bool(false), "no bus in \(detected)") }
        #expect(problem?.contains("modprobe i2c-dev") == true)
        #expect(DetectedSensor.all(sysfs: "/nowhere").isEmpty)
    }

    @Test func `a chip that two kernel interfaces offer is offered once`() throws {
        let chip = "devices/i2c-1/1-0044"
        try sysfs.write("\(chip)/name", "sht4x")
        for (folder, attribute) in [("hwmon/hwmon3", "humidity1_input"), ("iio:device7", "in_humidityrelative_input")] {
            try sysfs.write("\(chip)/\(folder)/name", "sht4x")
            try sysfs.write("\(chip)/\(folder)/\(attribute)", "45000")
        }
        try sysfs.link("\(chip)/hwmon/hwmon3/device", to: chip)
        try sysfs.link("class/hwmon/hwmon3", to: "\(chip)/hwmon/hwmon3")
        try sysfs.link("bus/iio/devices/iio:device7", to: "\(chip)/iio:device7")
        // Another chip of the same kind, offered by only one interface.
        try sysfs.write("devices/i2c-1/1-0045/name", "sht4x")
        try sysfs.write("devices/i2c-1/1-0045/hwmon/hwmon4/name", "sht4x")
        try sysfs.write("devices/i2c-1/1-0045/hwmon/hwmon4/humidity1_input", "46000")
        try sysfs.link("devices/i2c-1/1-0045/hwmon/hwmon4/device", to: "devices/i2c-1/1-0045")
        try sysfs.link("class/hwmon/hwmon4", to: "devices/i2c-1/1-0045/hwmon/hwmon4")
        let detected = DetectedSensor.all(sysfs: sysfs.root).compactMap { offer -> String? in
            guard case .sensor(let spec, _, let otherInterfaces) = offer else { return nil }
            return "\(spec) \(otherInterfaces.map(\.description).joined(separator: " "))"
        }
        #expect(detected == ["iio:sht4x hwmon:sht4x@1-0044", "hwmon:sht4x@1-0045 "])
    }
}
