import Foundation
import Glibc
import Measures
import Runtime
@testable import Sensors
import Synchronization
import Testing

@Suite struct KernelSensorTests {
    private let sysfs = FakeSysfs()

    private func read(_ spec: String) async throws -> Sample? {
        try await SensorSpec(spec).open(sysfs: sysfs.root, startingAfter: nil, period: .seconds(60)).read()
    }

    @Test func `hwmon is found by name and read in thousandths`() async throws {
        try sysfs.write("class/hwmon/hwmon0/name", "coretemp\n")
        try sysfs.write("class/hwmon/hwmon3/name", "sht4x\n")
        try sysfs.write("class/hwmon/hwmon3/humidity1_input", "45123\n")
        try sysfs.write("class/hwmon/hwmon3/temp1_input", "-2500\n")
        #expect(try await read("hwmon:sht4x") == Sample(humidityMpct: 45_123, temperatureMc: -2_500))
    }

    @Test func `an IIO value is read as input, or from raw, offset and scale`() async throws {
        try sysfs.write("bus/iio/devices/iio:device0/name", "hdc100x")
        try sysfs.write("bus/iio/devices/iio:device0/in_humidityrelative_raw", "29491")
        try sysfs.write("bus/iio/devices/iio:device0/in_humidityrelative_scale", "1.525878906")  // 100000 / 65536
        try sysfs.write("bus/iio/devices/iio:device0/in_temp_raw", "26214")
        try sysfs.write("bus/iio/devices/iio:device0/in_temp_offset", "-15887.515151")
        try sysfs.write("bus/iio/devices/iio:device0/in_temp_scale", "2.517700195")  // 165000 / 65536
        let sample = try #require(try await read("iio:hdc100x"))
        #expect(abs((sample.humidityMpct ?? 0) - 45_000) <= 1)
        #expect(abs((sample.temperatureMc ?? 0) - 25_999) <= 2)
    }

    /// The bme680 driver reported hPa instead of kPa until 2024.
    @Test(arguments: [("98.765000000", 98_765), ("987.650000000", 98_765), ("0", nil)] as [(String, Int32?)])
    func `bme680 reports percent instead of thousandths, and pressure in one of two units`(pressure: String, pascals: Int32?) async throws {
        try sysfs.write("bus/iio/devices/iio:device1/name", "bme680")
        try sysfs.write("bus/iio/devices/iio:device1/in_humidityrelative_input", "41.074000000")
        try sysfs.write("bus/iio/devices/iio:device1/in_temp_input", "21340")
        try sysfs.write("bus/iio/devices/iio:device1/in_pressure_input", pressure)
        #expect(try await read("iio:bme680") == Sample(humidityMpct: 41_074, temperatureMc: 21_340, pressurePa: pascals))
    }

    @Test func `si7020 is read by raw, offset and scale: (raw − 786) · 125000 / 16384`() async throws {
        try iio(
            0, "1-0040", chip: "si7020", at: "1-0040",
            [
                "in_humidityrelative_raw": "8192", "in_humidityrelative_offset": "-786", "in_humidityrelative_scale": "7.629394531",
            ])
        #expect(try await read("iio:si7020") == Sample(humidityMpct: 56_503, flags: .unchecked))
    }

    @Test func `an invalid value beside the humidity is ignored`() async throws {
        try sysfs.write("class/hwmon/hwmon1/name", "sht4x")
        try sysfs.write("class/hwmon/hwmon1/humidity1_input", "45000")
        try sysfs.write("class/hwmon/hwmon1/temp1_input", "none")
        #expect(try await read("hwmon:sht4x") == Sample(humidityMpct: 45_000))
    }

    @Test(arguments: ["", "nonsense", "nan", "12,5", "999999999999"])
    func `a file with invalid text is an error that names the file`(text: String) async throws {
        try sysfs.write("class/hwmon/hwmon1/name", "sht3x")
        try sysfs.write("class/hwmon/hwmon1/humidity1_input", text)
        let error = await #expect(throws: SensorError.self) { try await read("hwmon:sht3x") }
        #expect(error?.description.contains("hwmon1") == true)
    }

    @Test func `an impossible humidity is kept and flagged`() async throws {
        try sysfs.write("class/hwmon/hwmon1/name", "x")
        try sysfs.write("class/hwmon/hwmon1/humidity1_input", "250000")
        let sample = try #require(try await read("hwmon:x"))
        #expect(sample.humidityMpct == 250_000)
        #expect(sample.flags.contains(.impossible))
    }

    @Test func `an error for a missing device lists the existing ones, and the device is found under a new number`() async throws {
        try sysfs.write("class/hwmon/hwmon0/name", "coretemp")
        let sensor = try SensorSpec("hwmon:sht4x").open(sysfs: sysfs.root, startingAfter: nil, period: .seconds(60))
        let error = await #expect(throws: SensorError.self) { try await sensor.read() }
        #expect(error?.description.contains("«sht4x»") == true)
        #expect(error?.description.contains("coretemp") == true)
        for number in [4, 7] {
            try sysfs.write("class/hwmon/hwmon\(number)/name", "sht4x")
            try sysfs.write("class/hwmon/hwmon\(number)/humidity1_input", "\(number)000")
            #expect(try await sensor.read()?.humidityMpct == Int32(number) * 1_000)
            try sysfs.remove("class/hwmon/hwmon\(number)")
            await #expect(throws: SensorError.self) { try await sensor.read() }
        }
    }

    /// An IIO device of an I2C chip, laid out as in the kernel's tree.
    private func iio(_ number: Int, _ name: String, chip: String, at address: String, modalias: String? = nil, _ attributes: [String: String]) throws
    {
        let folder = "devices/platform/soc/i2c-1/\(address)"
        try sysfs.write("\(folder)/name", chip)
        if let modalias { try sysfs.write("\(folder)/modalias", modalias) }
        try sysfs.write("\(folder)/iio:device\(number)/name", name)
        for (attribute, text) in attributes { try sysfs.write("\(folder)/iio:device\(number)/\(attribute)", text) }
        try sysfs.link("bus/iio/devices/iio:device\(number)", to: "\(folder)/iio:device\(number)")
    }

    @Test(arguments: ["hdc1080", "1-0040", "hdc1080@1-0040"])
    func `hdc100x and si7020 have the bus address as their name, so the chip's folder gives the name`(name: String) async throws {
        try iio(0, "1-0040", chip: "hdc1080", at: "1-0040", ["in_humidityrelative_raw": "32768", "in_humidityrelative_scale": "1.525878906"])
        try iio(1, "1-0041", chip: "si7020", at: "1-0041", ["in_humidityrelative_raw": "8192", "in_humidityrelative_scale": "7.629394531"])
        #expect(try await read("iio:\(name)")?.humidityMpct == 50_000)
    }

    @Test func `a chip is identified by its modalias or by its device tree's compatible`() async throws {
        try iio(0, "1-0040", chip: "", at: "1-0040", modalias: "i2c:si7020\n", ["in_humidityrelative_input": "41000"])
        try iio(1, "1-0041", chip: "", at: "1-0041", modalias: "of:NhumidityT(null)Cti,hdc1010", ["in_humidityrelative_input": "42000"])
        try sysfs.write("devices/platform/soc/i2c-1/1-0041/of_node/compatible", "ti,hdc1010\0ti,hdc1000\0")
        #expect(try await read("iio:si7020")?.humidityMpct == 41_000)
        #expect(try await read("iio:hdc1010")?.humidityMpct == 42_000)
        #expect(try await read("iio:hdc1000")?.humidityMpct == 42_000)
    }

    @Test func `devices of one name are told apart by bus address, and an error lists the addresses`() async throws {
        try iio(0, "bme280", chip: "bme280", at: "1-0077", ["in_humidityrelative_input": "44000"])
        try iio(1, "bme280", chip: "bme280", at: "1-0076", ["in_humidityrelative_input": "55000", "in_pressure_input": "100.653254"])
        #expect(try await read("iio:bme280@1-0076") == Sample(humidityMpct: 55_000, pressurePa: 100_653))
        let error = await #expect(throws: SensorError.self) { try await read("iio:bme280") }
        #expect(error?.description.contains("iio:bme280@1-0076, iio:bme280@1-0077") == true)
        let missing = await #expect(throws: SensorError.self) { try await read("iio:bme280@1-0075") }
        #expect(missing?.description.contains("bme280@1-0076") == true)
    }

    /// Old kernels report percent with nine decimals, later ones whole thousandths, and the newest thousandths with nine decimals.
    @Test(arguments: [
        ("45.123046875", 45_123), ("45123", 45_123), ("45123.046875000", 45_123), ("100.000000000", 100_000), ("100", 100_000), ("61", 61_000),
        ("150", 150), ("0", 0), ("0.000000000", 0),
    ])
    func `bme280 reports percent or thousandths, depending on the kernel version`(text: String, mpct: Int32) async throws {
        try sysfs.write("bus/iio/devices/iio:device0/name", "bme280")
        try sysfs.write("bus/iio/devices/iio:device0/in_humidityrelative_input", text)
        #expect(try await read("iio:bme280")?.humidityMpct == mpct)
    }

    @Test func `after a bme280 has reported thousandths, low values are still thousandths`() async throws {
        try sysfs.write("bus/iio/devices/iio:device0/name", "bme280")
        let sensor = try SensorSpec("iio:bme280").open(sysfs: sysfs.root, startingAfter: nil, period: .seconds(60))
        for (text, mpct) in [("9000", 9_000), ("80", 80), ("0", 0)] as [(String, Int32)] {
            try sysfs.write("bus/iio/devices/iio:device0/in_humidityrelative_input", text)
            #expect(try await sensor.read()?.humidityMpct == mpct)
        }
    }

    @Test func `a bme280 that was taken for percent is switched to thousandths by a value above 100`() async throws {
        try sysfs.write("bus/iio/devices/iio:device0/name", "bme280")
        let sensor = try SensorSpec("iio:bme280").open(sysfs: sysfs.root, startingAfter: nil, period: .seconds(60))
        for (text, mpct) in [("0.000000000", 0), ("61.000000000", 61_000), ("45123.046875000", 45_123), ("61.000000000", 61)] as [(String, Int32)] {
            try sysfs.write("bus/iio/devices/iio:device0/in_humidityrelative_input", text)
            #expect(try await sensor.read()?.humidityMpct == mpct)
        }
    }

    /// As on a Raspberry Pi: the device tree's node name with its unit address, and a compatible without vendor.
    @Test func `dht11 from the device tree has its pin in its name and is found with and without the pin`() async throws {
        func dht(_ number: Int, pin: String, _ text: String) throws {
            try sysfs.write("devices/platform/dht11@\(pin)/of_node/compatible", "dht11\0")
            try sysfs.write("devices/platform/dht11@\(pin)/modalias", "of:Ndht11T(null)Cdht11")
            try sysfs.write("devices/platform/dht11@\(pin)/iio:device\(number)/name", "dht11@\(pin)\n")
            try sysfs.write("devices/platform/dht11@\(pin)/iio:device\(number)/in_humidityrelative_input", text)
            try sysfs.link("bus/iio/devices/iio:device\(number)", to: "devices/platform/dht11@\(pin)/iio:device\(number)")
        }
        try dht(0, pin: "4", "47000")
        #expect(try await read("iio:dht11")?.humidityMpct == 47_000)
        #expect(try await read("iio:dht11@4")?.humidityMpct == 47_000)
        try dht(1, pin: "11", "53000")
        #expect(try await read("iio:dht11@11")?.humidityMpct == 53_000)
        let error = await #expect(throws: SensorError.self) { try await read("iio:dht11") }
        #expect(error?.description.contains("iio:dht11@11, iio:dht11@4") == true)
        // Every offered sensor can be read.
        for offer in DetectedSensor.all(sysfs: sysfs.root) {
            guard case .sensor(let spec, _, _) = offer else { continue }
            #expect(try await read("\(spec)") != nil)
        }
    }

    @Test func `a name may contain a blank`() async throws {
        try sysfs.write("class/hwmon/hwmon0/name", "my sensor")
        try sysfs.write("class/hwmon/hwmon0/humidity1_input", "45000")
        #expect(try await read("hwmon:my sensor")?.humidityMpct == 45_000)
    }

    @Test func `two devices of one name on SPI are told apart by chip select`() async throws {
        for (number, text) in [(0, "44000"), (1, "55000")] {
            try sysfs.write("devices/platform/soc/spi0/spi0.\(number)/iio:device\(number)/name", "bme280")
            try sysfs.write("devices/platform/soc/spi0/spi0.\(number)/iio:device\(number)/in_humidityrelative_input", text)
            try sysfs.link("bus/iio/devices/iio:device\(number)", to: "devices/platform/soc/spi0/spi0.\(number)/iio:device\(number)")
        }
        #expect(try await read("iio:bme280@spi0.1")?.humidityMpct == 55_000)
    }

    @Test func `another device that takes over the number is not read, even if no read has failed`() async throws {
        try iio(0, "bme280", chip: "bme280", at: "1-0076", ["in_humidityrelative_input": "44000"])
        try iio(1, "bme280", chip: "bme280", at: "1-0077", ["in_humidityrelative_input": "55000"])
        let sensor = try SensorSpec("iio:bme280@1-0076").open(sysfs: sysfs.root, startingAfter: nil, period: .seconds(60))
        #expect(try await sensor.read()?.humidityMpct == 44_000)
        for (number, address) in [(0, "1-0077"), (1, "1-0076")] {
            try sysfs.remove("bus/iio/devices/iio:device\(number)")
            try sysfs.link("bus/iio/devices/iio:device\(number)", to: "devices/platform/soc/i2c-1/\(address)/iio:device\(1 - number)")
        }
        #expect(try await sensor.read()?.humidityMpct == 44_000)
    }

    /// Their drivers pass on a linear conversion, which exceeds the range in saturated and in dry air; 250 % is beyond this line.
    @Test(arguments: ["sht4x", "sht21", "hts221"])
    func `a value of a linear part beyond the range is kept and flagged as clamped`(name: String) async throws {
        try sysfs.write("class/hwmon/hwmon0/name", name)
        for (text, flag) in [("103500", .clamped), ("-2000", .clamped), ("250000", .impossible)] as [(String, ReadingFlags)] {
            try sysfs.write("class/hwmon/hwmon0/humidity1_input", text)
            let sample = try #require(try await read("hwmon:\(name)"))
            #expect(sample.humidityMpct == Int32(text) && sample.flags.subtracting(.unchecked) == flag)
        }
    }

    @Test(arguments: [(EIO, true), (ETIMEDOUT, true), (EAGAIN, true), (EBUSY, true), (ENODATA, false), (EACCES, false), (ENODEV, false)])
    func `a kernel error is passing or permanent, and its message says what to do`(code: Int32, isTransient: Bool) {
        let error = SensorError.reading(FileError("read", "/sys/x/humidity1_input", code))
        #expect(error.isTransient == isTransient && error.description.contains("humidity1_input"))
        if code == ENODATA { #expect(error.description.contains("humidity1_enable")) }
        if code == EACCES { #expect(error.description.contains("udev rule")) }
    }

    /// A read of /proc/self/mem at offset 0 gives a real EIO, because nothing is mapped there.
    @Test func `dht11 often fails, so it is read up to three times with pauses`() async throws {
        try sysfs.write("bus/iio/devices/iio:device0/name", "dht11")
        let attribute = "bus/iio/devices/iio:device0/in_humidityrelative_input"
        let (tree, answersAfter) = (sysfs, 2)
        func fail() throws { try FileManager.default.createSymbolicLink(atPath: "\(tree.root)/\(attribute)", withDestinationPath: "/proc/self/mem") }
        try fail()
        let pauses = Mutex<[Duration]>([])
        let sensor = KernelSensor(
            .iio, name: KernelDeviceName(name: "dht11"), sysfs: tree.root,
            pause: { pause in
                let count = pauses.withLock {
                    $0.append(pause)
                    return $0.count
                }
                guard count == answersAfter else { return }
                try tree.remove(attribute)
                try tree.write(attribute, "47000")
            })
        #expect(try await sensor.read()?.humidityMpct == 47_000)
        #expect(pauses.withLock { $0 } == [.milliseconds(2_100), .milliseconds(2_100)])
        try tree.remove(attribute)
        try fail()
        let error = await #expect(throws: SensorError.self) { try await sensor.read() }
        #expect(error?.description.contains("did not answer the driver") == true && pauses.withLock { $0.count } == 4)
    }

    @Test func `aht10 reports an invalid conversion as 0 % at −50 °C, and htu21 reports a value below 0 % as 100 %`() async throws {
        try sysfs.write("class/hwmon/hwmon0/name", "aht10")
        try sysfs.write("class/hwmon/hwmon0/humidity1_input", "0")
        try sysfs.write("class/hwmon/hwmon0/temp1_input", "-50000")
        let error = await #expect(throws: SensorError.self) { try await read("hwmon:aht10") }
        #expect(error?.isTransient == true)
        try sysfs.write("bus/iio/devices/iio:device0/name", "htu21")
        let sensor = try SensorSpec("iio:htu21").open(sysfs: sysfs.root, startingAfter: nil, period: .seconds(60))
        // The value is kept as reported but not observed, until it is reported for the fourth time.
        for (text, flags) in [
            ("100000", .clamped), ("92000", []), ("100000", .clamped), ("900", []), ("100000", [.clamped, .impossible]),
            ("100000", [.clamped, .impossible]), ("1200", []), ("100000", [.clamped, .impossible]), ("100000", [.clamped, .impossible]),
            ("100000", [.clamped, .impossible]), ("100000", .clamped), ("100000", .clamped),
        ] as [(String, ReadingFlags)] {
            try sysfs.write("bus/iio/devices/iio:device0/in_humidityrelative_input", text)
            #expect(try await sensor.read() == Sample(humidityMpct: Int32(text), flags: flags))
        }
    }

    @Test func `sht4x values above 100 % are kept and flagged but not impossible, and sht3x values are unchecked`() async throws {
        try sysfs.write("class/hwmon/hwmon0/name", "sht4x")
        try sysfs.write("class/hwmon/hwmon0/humidity1_input", "103500")
        #expect(try await read("hwmon:sht4x") == Sample(humidityMpct: 103_500, flags: .clamped))
        try sysfs.write("class/hwmon/hwmon1/name", "sht3x")
        try sysfs.write("class/hwmon/hwmon1/humidity1_input", "51000")
        #expect(try await read("hwmon:sht3x") == Sample(humidityMpct: 51_000, flags: .unchecked))
    }

    @Test func `a driver that is read before its next conversion repeats the last one, and the repeat is flagged`() async throws {
        try sysfs.write("class/hwmon/hwmon0/name", "aht10")
        try sysfs.write("class/hwmon/hwmon0/humidity1_input", "51000")
        let time = Mutex(ContinuousClock.now)
        let sensor = KernelSensor(.hwmon, name: KernelDeviceName(name: "aht10"), sysfs: sysfs.root, now: { time.withLock { $0 } })
        // The driver counts from the end of its conversion, 80 ms after the request: two seconds later it has not measured again.
        for (seconds, flags) in [(0, .unchecked), (1, [.unchecked, .cached]), (1, [.unchecked, .cached]), (1, .unchecked)] as [(Int, ReadingFlags)] {
            time.withLock { $0 += .seconds(seconds) }
            #expect(try await sensor.read()?.flags == flags)
        }
    }

    @Test func `a driver set to measure every ten seconds is flagged as repeating for ten seconds`() async throws {
        try sysfs.write("class/hwmon/hwmon0/name", "sht4x")
        try sysfs.write("class/hwmon/hwmon0/humidity1_input", "51000")
        try sysfs.write("class/hwmon/hwmon0/update_interval", "10000")
        let time = Mutex(ContinuousClock.now)
        let sensor = KernelSensor(.hwmon, name: KernelDeviceName(name: "sht4x"), sysfs: sysfs.root, now: { time.withLock { $0 } })
        for (seconds, flags) in [(0, []), (9, .cached), (2, [])] as [(Int, ReadingFlags)] {
            time.withLock { $0 += .seconds(seconds) }
            #expect(try await sensor.read()?.flags == flags)
        }
    }

    @Test func `an exact 100 % of a driver that clamps is flagged as clamped`() async throws {
        try sysfs.write("bus/iio/devices/iio:device0/name", "htu21")
        try sysfs.write("bus/iio/devices/iio:device0/in_humidityrelative_input", "100000")
        #expect(try await read("iio:htu21")?.flags == .clamped)
    }

    @Test(.timeLimit(.minutes(1))) func `a read that hangs fails for the caller, is not repeated, and its late answer is used`() async throws {
        try sysfs.write("class/hwmon/hwmon0/name", "sht4x")
        let pipe = sysfs.root + "/class/hwmon/hwmon0/humidity1_input"
        #expect(mkfifo(pipe, 0o600) == 0)  // opening the pipe waits for a writer, as a driver waits for its chip
        let reading = TimedReader(try SensorSpec("hwmon:sht4x").open(sysfs: sysfs.root, startingAfter: nil, period: .seconds(60)))
        for _ in 1...2 {
            let error = await #expect(throws: SensorError.self) { try await reading.read(within: .milliseconds(50)) }
            #expect(error?.description.contains("no answer for") == true)
        }
        let root = sysfs.root
        let asked = Task { try await reading.read(within: .seconds(30)) }
        try sysfs.write("class/hwmon/hwmon1/name", "sht3x")
        #expect(mkfifo(root + "/class/hwmon/hwmon1/humidity1_input", 0o600) == 0)
        let other = TimedReader(try SensorSpec("hwmon:sht3x").open(sysfs: root, startingAfter: nil, period: .seconds(60)))
        let stopped = Task { try await other.read(within: .seconds(30)) }
        stopped.cancel()
        await #expect(throws: CancellationError.self) { try await stopped.value }
        let writer = open(pipe, O_RDWR)
        #expect(write(writer, "47000\n", 6) == 6)
        // The read of a pipe ends when the writer closes it.
        close(writer)
        #expect(try await asked.value?.humidityMpct == 47_000)
    }
}
