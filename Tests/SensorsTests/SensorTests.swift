import Foundation
import Measures
import Sensors
import Simulation
import Testing

/// A sysfs of its own in a temporary folder.
private final class FakeSysfs {
    let root = FileManager.default.temporaryDirectory.path + "/vaho-sysfs-\(UInt64.random(in: 0...(.max)))"
    func write(_ path: String, _ text: String) throws {
        let file = URL(fileURLWithPath: root + "/" + path)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: file, atomically: true, encoding: .utf8)
    }
    func remove(_ path: String) throws { try FileManager.default.removeItem(atPath: root + "/" + path) }
    deinit { try? FileManager.default.removeItem(atPath: root) }
}

@Suite struct KernelSensorTests {
    private let sysfs = FakeSysfs()

    private func read(_ spec: String) async throws -> Sample? { try await SensorSpec(spec).open(sysfs: sysfs.root, startingAfter: nil).read() }

    @Test func `hwmon is found by name and read in thousandths`() async throws {
        try sysfs.write("class/hwmon/hwmon0/name", "coretemp\n")
        try sysfs.write("class/hwmon/hwmon3/name", "sht4x\n")
        try sysfs.write("class/hwmon/hwmon3/humidity1_input", "45123\n")
        try sysfs.write("class/hwmon/hwmon3/temp1_input", "-2500\n")
        #expect(try await read("hwmon:sht4x") == Sample(humidityMpct: 45_123, temperatureMc: -2_500))
    }

    @Test func `IIO is read as input, or as raw, offset and scale`() async throws {
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

    @Test func `bme680 says percent where the others say thousandths`() async throws {
        try sysfs.write("bus/iio/devices/iio:device1/name", "bme680")
        try sysfs.write("bus/iio/devices/iio:device1/in_humidityrelative_input", "41.074000000")
        #expect(try await read("iio:bme680")?.humidityMpct == 41_074)
    }

    @Test(arguments: ["", "nonsense", "nan", "12,5", "999999999999"])
    func `a file that says nonsense is an error that names it`(text: String) async throws {
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

    @Test func `a missing device is named beside those there are, and found when it comes under another number`() async throws {
        try sysfs.write("class/hwmon/hwmon0/name", "coretemp")
        let sensor = try SensorSpec("hwmon:sht4x").open(sysfs: sysfs.root, startingAfter: nil)
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
}

@Suite struct ReplaySensorTests {
    private let folder = FakeSysfs()

    @Test func `rows come with their times; malformed, impossible and NaN lines are told, the rest goes on`() async throws {
        try folder.write(
            "a.csv",
            """
            time,humidity_pct,temperature_c
            2026-01-01T00:00:00Z,45,20
            2026-01-01T01:00:00Z,nan,20
            gibberish
            2026-01-01T02:00:00Z,250,
            2026-01-01T01:30:00Z,46,20
            2026-01-01T03:00:00Z,47,20

            """)
        let sensor = try ReplaySensor(path: folder.root + "/a.csv", startingAfter: nil)
        #expect(sensor.identity.spacing == .seconds(3_600))
        #expect(try await sensor.read()?.humidityMpct == 45_000)
        for line in ["line 3", "line 4"] {
            let error = await #expect(throws: SensorError.self) { try await sensor.read() }
            #expect(error?.description.contains(line) == true)
        }
        #expect(try await sensor.read()?.flags == [.impossible, .replayed])
        let backwards = await #expect(throws: SensorError.self) { try await sensor.read() }
        #expect(backwards?.description.contains("line 6: the time is not after") == true)
        #expect(try await sensor.read()?.humidityMpct == 47_000)
        #expect(try await sensor.read() == nil)
    }

    @Test func `a restart goes on where the log ends`() async throws {
        try folder.write("a.csv", "time,humidity_pct\n2026-01-01T00:00:00Z,1\n2026-01-01T01:00:00Z,2\n2026-01-01T02:00:00Z,3\n")
        let sensor = try ReplaySensor(path: folder.root + "/a.csv", startingAfter: Instant(ms: 1_767_229_200_000))
        #expect(try await sensor.read()?.humidityMpct == 3_000)
    }

    @Test func `a missing file and one without rows are said so`() throws {
        #expect(throws: (any Error).self) { try ReplaySensor(path: "/nowhere.csv", startingAfter: nil) }
        try folder.write("empty.csv", "time,humidity_pct\n")
        let error = #expect(throws: SensorError.self) { try ReplaySensor(path: folder.root + "/empty.csv", startingAfter: nil) }
        #expect(error?.description.contains("no row") == true)
    }
}

@Suite struct SensorSpecTests {
    @Test func `each kind is understood`() throws {
        #expect(try SensorSpec("iio:bme280") == .iio("bme280"))
        #expect(try SensorSpec("replay:/a:b.csv") == .replay(path: "/a:b.csv"))
        #expect(try SensorSpec("simulated") == .simulated(.room, seed: 1))
        #expect(try SensorSpec("simulated:outdoor,seed=7") == .simulated(.outdoor, seed: 7))
    }

    @Test(arguments: [("hwmn:sht4x", "did you mean hwmon?"), ("iio:", "expected one of"), ("simulated:sead=3", "«sead=3»")])
    func `what is wrong is said with the nearest right one`(text: String, message: String) {
        let error = #expect(throws: SensorError.self) { try SensorSpec(text) }
        #expect(error?.description.contains(message) == true)
    }

    @Test func `simulated air comes as a reading`() async throws {
        let sample = try #require(try await SensorSpec("simulated").open(sysfs: "/sys", startingAfter: nil).read())
        #expect((0...100_000).contains(sample.humidityMpct ?? -1))
        #expect(sample.flags == .simulated)
    }
}
