import Foundation
import HTTPClient
import Testing

/// The sensor commands, over a file tree laid out as in the kernel.
@Suite struct SensorCommandTests {
    private let root = FileManager.default.temporaryDirectory.path + "/vaho-sysfs-\(UInt64.random(in: 0...(.max)))"

    private func write(_ path: String, _ text: String) throws {
        let file = URL(fileURLWithPath: "\(root)/\(path)")
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: file, atomically: true, encoding: .utf8)
    }

    private func run(_ arguments: String..., settings: [String: String] = [:]) throws -> (code: Int32, output: String, errors: String) {
        try RunningProgram.run("vaho-edge", arguments, environment: ["VAHO_SYSFS_ROOT": root].merging(settings) { $1 })
    }

    @Test func `the sensors of a host are listed as configuration lines, with a reading or the reason`() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        try write("class/hwmon/hwmon0/name", "coretemp\n")
        try write("class/hwmon/hwmon2/name", "sht4x\n")
        try write("class/hwmon/hwmon2/humidity1_input", "45123\n")
        try write("class/hwmon/hwmon2/temp1_input", "21500\n")
        try write("bus/iio/devices/iio:device0/name", "dht11\n")
        try write("bus/iio/devices/iio:device0/in_humidityrelative_input", "nonsense\n")
        try write("class/i2c-dev/i2c-211/dev", "89:211\n")
        let found = try run("sensors", "--format", "json", settings: ["VAHO_SENSOR_CELLAR": "hwmon:sht3x"])
        #expect(found.code == 1)  // the configured sensor fails
        let rows = try #require(try JSONSerialization.jsonObject(with: Data(found.output.utf8)) as? [[String: Any]])
        #expect(
            rows.map { $0["configuration"] as? String }
                == [
                    "VAHO_SENSOR_CELLAR=hwmon:sht3x", "VAHO_SENSOR_DHT11=iio:dht11", "VAHO_SENSOR_SHT4X=hwmon:sht4x",
                    "VAHO_SENSOR_NAME=i2c:CHIP@211:ADDRESS",
                ])
        #expect((rows[0]["problem"] as? String)?.contains("no hwmon device named «sht3x»") == true)
        #expect((rows[1]["problem"] as? String)?.contains("contains «nonsense»") == true)
        #expect(rows[2]["humidity_pct"] as? Double == 45.123 && rows[2]["problem"] is NSNull)
        #expect((rows[3]["problem"] as? String)?.contains("modprobe i2c-dev") == true)
        // A listed line works as configuration.
        let line = try #require(rows[2]["configuration"] as? String).split(separator: "=")
        let read = try run("read", "sht4x", "--format", "json", settings: [String(line[0]): String(line[1])])
        let object = try #require(try JSONSerialization.jsonObject(with: Data(read.output.utf8)) as? [String: Any])
        #expect(object["sensor"] as? String == "sht4x" && object["dew_point_c"] as? Double == 9.11)
    }

    @Test func `a host without sensors says which module to load, and an unknown sensor is reported with the known ones`() throws {
        let none = try run("sensors")
        #expect(none.code == 0 && none.output.contains("modprobe"))
        let unknown = try run("read", "celar", settings: ["VAHO_SENSOR_CELLAR": "simulated"])
        #expect(unknown.code == 2 && unknown.errors.contains("there are cellar"))
        let wrong = try run("read", "i2c:sht4x@1:0x48")
        #expect(wrong.code == 2 && wrong.errors.contains("0x44 or 0x45 or 0x46"))
        let count = try run("read", "simulated", "--count", "0")
        #expect(count.code == 2)
    }

    @Test func `readings are printed one by one, as lines, rows or objects`() throws {
        let csv = try run("read", "command:echo 50,20,1000.5", "--count", "2", "--format", "csv")
        let lines = csv.output.split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false) }
        #expect(
            lines.count == 3
                && lines[0].joined(separator: ",")
                    == "sensor,taken_at,humidity_pct,temperature_c,dew_point_c,vapour_pressure_pa,absolute_humidity_g_m3,surface_humidity_pct,"
                    + "mould_from_pct,pressure_hpa,flags"
        )
        #expect(lines.last?.suffix(9).joined(separator: ",") == "50,20,9.26,1167,8.62,,80.0,1000.50,")
        // At a wall of 9.26 °C this air is saturated.
        let wall = try run(
            "read", "crypt", "--format", "json", settings: ["VAHO_SENSOR_CRYPT": "command:echo 50,20", "VAHO_SURFACE_CRYPT": "9.26"])
        #expect(wall.output.contains("\"surface_humidity_pct\":100,\"mould_from_pct\":80"), "\(wall.output)")
        let table = try run("read", "simulated:room,seed=2")
        #expect(table.output.split(separator: "\n").count == 2 && table.output.contains("simulated"))
    }

    /// Runs as the user nobody if the tests run as root, because root may read everything.
    @Test func `an unreadable sensor file is reported with the permission it needs`() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        try write("class/hwmon/hwmon1/name", "sht4x\n")
        try write("class/hwmon/hwmon1/humidity1_input", "45123\n")
        #expect(chmod("\(root)/class/hwmon/hwmon1/humidity1_input", 0) == 0)
        let program = "\(root)/vaho-edge"
        try FileManager.default.copyItem(atPath: "\(RunningProgram.binaries)/vaho-edge", toPath: program)
        let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", program]
        let isRoot = getuid() == 0
        let found = try RunningProgram.run(
            program: isRoot ? "/usr/bin/setpriv" : program, (isRoot ? nobody : []) + ["sensors", "--format", "json"],
            environment: ["VAHO_SYSFS_ROOT": root])
        #expect(found.output.contains("VAHO_SENSOR_SHT4X=hwmon:sht4x") && found.output.contains("udev rule"), "\(found.output)\(found.errors)")
    }

    /// A pipe without a writer blocks its reader in the kernel, as a driver that waits for its chip does.
    @Test(.timeLimit(.minutes(1))) func `a sensor that hangs delays neither the other sensors nor the end of the program`() async throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        try write("class/hwmon/hwmon0/name", "sht3x\n")
        #expect(mkfifo("\(root)/class/hwmon/hwmon0/humidity1_input", 0o600) == 0)
        try write("class/hwmon/hwmon1/name", "sht4x\n")
        try write("class/hwmon/hwmon1/humidity1_input", "45123\n")
        let settings = [
            "VAHO_SYSFS_ROOT": root, "VAHO_STATE_DIR": root + "/state", "VAHO_LISTEN": "off", "VAHO_SAMPLE_PERIOD_SECONDS": "1",
            "VAHO_COMMIT_PERIOD_SECONDS": "0", "VAHO_SENSOR_HANGS": "hwmon:sht3x", "VAHO_SENSOR_WELL": "hwmon:sht4x",
        ]
        let edge = try RunningProgram("vaho-edge", ["run"], environment: settings, folder: root)
        _ = try await seen("readings of the sensor that works") {
            (try? RunningProgram.sqlite("\(root)/state/readings.sqlite", "SELECT COUNT(*) FROM reading")).flatMap { Int($0) }.flatMap {
                $0 >= 3 ? true : nil
            }
        }
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
    }

    /// Forty days in a cellar at 22 °C and 60 %, where mould cannot grow except at the wall, which is at 12 °C and saturated.
    @Test(.timeLimit(.minutes(1))) func `derived values are shown for water, vapour pressure, the wall and mould`() async throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        let start = 1_790_000_000
        let rows = (0..<(40 * 24)).map { "\(ISO8601DateFormatter().string(from: Date(timeIntervalSince1970: Double(start + $0 * 3_600)))),60,22" }
        try write("cellar.csv", "time,humidity_pct,temperature_c\n" + rows.joined(separator: "\n") + "\n")
        let settings = [
            "VAHO_STATE_DIR": root + "/state", "VAHO_SENSOR_CELLAR": "replay:\(root)/cellar.csv", "VAHO_SURFACE_CELLAR": "12",
            "VAHO_LISTEN": "127.0.0.1:0", "VAHO_RULE_MOULD": "mould index above 1.2", "VAHO_RULE_ROT": "mould index above 5.9",
        ]
        let edge = try RunningProgram("vaho-edge", ["run", "--speed", "1000000"], environment: settings, folder: root)
        func last() throws -> [String: Any]? {
            let status = try run("status", "--format", "json", settings: settings)
            let json = try? JSONSerialization.jsonObject(with: Data(status.output.utf8)) as? [String: Any]
            let device = json?["device"] as? [String: Any]
            return (device?["sensors"] as? [[String: Any]])?.first?["last"] as? [String: Any]
        }
        let mould = try await seen("a mould index of 1.2") { () -> [String: Any]? in
            guard let mould = try last()?["mould"] as? [String: Any], let index = mould["index"] as? Double, index >= 1.2 else { return nil }
            return mould
        }
        #expect(mould["growing"] as? Bool == true && mould["critical_humidity_pct"] as? Double == 80.9)  // at 12 °C, equation 1
        let shown = try #require(try last())
        #expect(shown["dew_point_c"] as? Double == 13.88)
        #expect(abs((shown["absolute_humidity_g_m3"] as? Double ?? 0) - 11.64) < 0.1)  // 60 % of 19.4 g/m³
        #expect(abs((shown["vapour_pressure_pa"] as? Double ?? 0) - 1_587) < 5)  // 60 % of WMO's 26.45 hPa
        let wall = try #require(shown["surface"] as? [String: Any])
        #expect(abs((wall["humidity_pct"] as? Double ?? 0) - 113.1) < 0.2)  // of 14.03 hPa
        #expect(wall["above_dew_point_k"] as? Double == -1.88)
        let table = try run("status", settings: settings).output
        #expect(table.contains("mould") && table.contains("13.9"))
        let alarm = try await seen("the mould alarm") { () -> String? in
            let status = try run("status", settings: settings).output
            return status.contains("cellar mould: mould index above 1.2") ? status : nil
        }
        #expect(!alarm.contains("rot"))
        // The forecast shows the same: the air stays as it is, and mould keeps growing.
        let client = HTTPClient(settings: HTTPClient.Settings(userAgent: "test"))
        let url = "http://127.0.0.1:\(try await edge.port())/v1/forecast?horizon=PT24H"
        let answer = try await client.send(HTTPClient.Request(method: "GET", url: url))
        let ahead = try #require(try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any])
        let index = try #require(ahead["mould_index"] as? [Double])
        #expect(index.first ?? 0 >= 1.2 && index.last ?? 0 > index.first ?? 9)
        let (walls, pressures) = (ahead["surface_humidity_pct"] as? [Double] ?? [], ahead["vapour_pressure_pa"] as? [Double] ?? [])
        #expect(walls.count == index.count && walls.allSatisfy { $0 > 105 })
        #expect(pressures.count == index.count && pressures.allSatisfy { abs($0 - 1_587) < 40 })
        let csv = try run("forecast", "--format", "csv", "--horizon", "6h", settings: settings).output
        #expect(csv.contains("dew_point_c,wall_pct,mould_index,skill"))
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
        let wrong = try run("sensors", settings: ["VAHO_SENSOR_CELLAR": "simulated", "VAHO_SURFACE_CELLAR": "wall"])
        #expect(wrong.code == 2 && wrong.errors.contains("VAHO_SURFACE_CELLAR=wall: expected a temperature"))
    }
}
