import Foundation
import Testing

/// Files of other makers' loggers, by command: a forecast from a file, and a logger's past in the archive.
@Suite(.timeLimit(.minutes(2))) struct LoggerFileTests {
    private static let deploy = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../deploy"

    /// Twenty days of ten minutes, as the Govee app exports them.
    private func export(_ folder: String) throws -> String {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let formatter = DateFormatter()
        (formatter.dateFormat, formatter.timeZone, formatter.locale) = (
            "yyyy-MM-dd HH:mm:ss", TimeZone(secondsFromGMT: 0), Locale(identifier: "en_US_POSIX")
        )
        let start = Date(timeIntervalSince1970: (Date().timeIntervalSince1970 / 86_400).rounded(.down) * 86_400 - 20 * 86_400)
        var text = "\u{FEFF}Timestamp for sample frequency every 1 min min,Temperature_Fahrenheit,Relative_Humidity\r\n"
        for row in 0..<2_880 {
            let phase = Double(row) / 144 * 2 * Double.pi
            text += formatter.string(from: start.addingTimeInterval(Double(row) * 600))
            text += String(format: ",%.1f,%.1f\r\n", 70 + 3 * sin(phase), 50 + 8 * sin(phase + 1))
        }
        let path = folder + "/govee.csv"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    @Test func `a file becomes a forecast by the shipped release without any setup`() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/vaho-file-\(UInt64.random(in: 0...(.max)))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = try export(folder)
        let environment = ["VAHO_PRETRAINED_FILE": Self.deploy + "/pretrained.vaho", "VAHO_STATE_DIR": folder + "/none"]
        let shown = try RunningProgram.run("vaho-edge", ["forecast", path, "--zone", "Europe/Helsinki"], environment: environment)
        #expect(shown.code == 0 && shown.output.contains("shipped release)") && shown.output.contains("°F") && shown.output.contains("2880 from"))
        let csv = try RunningProgram.run("vaho-edge", ["forecast", path, "--format", "csv", "--horizon", "24h"], environment: environment)
        let rows = csv.output.split(separator: "\n").dropFirst().map { $0.split(separator: ",") }
        #expect(csv.code == 0 && rows.count == 34, "\(csv.errors)")
        // The series repeats every day, so a good forecast for a day ahead is the last value.
        let last = try #require(rows.last.flatMap { Double($0[5]) })
        #expect((last - (50 + 8 * sin(2_879.0 / 144 * 2 * Double.pi + 1))).magnitude < 2)
        #expect(!FileManager.default.fileExists(atPath: folder + "/none"), "nothing is stored")
        for (file, words) in [(folder + "/missing.csv", "No such file"), (folder, "directory")] {
            let failed = try RunningProgram.run("vaho-edge", ["forecast", file], environment: environment)
            #expect(failed.code == 1 && failed.errors.lowercased().contains(words.lowercased()), "\(failed.errors)")
        }
    }

    @Test func `a logger's past becomes the history of a sensor on the device, up to its own first observation`() async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/vaho-file-\(UInt64.random(in: 0...(.max)))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = try export(folder)
        let environment = [
            "VAHO_PRETRAINED_FILE": Self.deploy + "/pretrained.vaho", "VAHO_STATE_DIR": folder + "/state", "VAHO_SENSOR_AIR": "simulated",
            "VAHO_SAMPLE_PERIOD_SECONDS": "1", "VAHO_COMMIT_PERIOD_SECONDS": "1", "VAHO_LISTEN": "127.0.0.1:0",
        ]
        func run(_ arguments: String..., code: Int32 = 0) throws -> String {
            let result = try RunningProgram.run("vaho-edge", arguments, environment: environment)
            #expect(result.code == code, "\(arguments): \(result.output) \(result.errors)")
            return result.output + result.errors
        }
        #expect(try run("import", path, "--zone", "UTC", "--yes", code: 2).contains("--sensor is missing"))
        #expect(try run("import", path, "--sensor", "cellar", "--zone", "UTC", "--yes", code: 2).contains("no sensor «cellar»"))
        #expect(try run("import", path, "--sensor", "air", "--zone", "UTC", "--yes", code: 1).contains("run vaho-edge run once"))
        let edge = try RunningProgram("vaho-edge", ["run"], environment: environment, folder: folder)
        _ = try await edge.port()
        #expect(try run("import", path, "--sensor", "air", "--zone", "UTC", "--yes", code: 1).contains("another"), "the daemon runs")
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
        #expect(try run("import", path, "--sensor", "air", "--yes", code: 1).contains("no time zone"))
        #expect(try run("import", path, "--sensor", "air", "--zone", "UTC", code: 1).contains("--yes confirms"), "nobody can be asked")
        #expect(try run("import", path, "--sensor", "air", "--zone", "UTC", "--yes").contains("2880 observations are added"))
        #expect(try run("import", path, "--sensor", "air", "--zone", "UTC", "--yes").contains("0 observations are added, 2880 are not"))
        #expect(try run("history", "--last", "600h", "--format", "csv").split(separator: "\n").count > 2_800)
        // The daemon starts with this history.
        let again = try RunningProgram("vaho-edge", ["run"], environment: environment, folder: folder)
        _ = try await again.port()
        again.signal(SIGTERM)
        #expect(try await again.exitCode() == 0)
    }

    @Test func `a logger's past becomes observations of a sensor, and a repeated import changes nothing`() async throws {
        let cloud = Cloud()
        try await cloud.start()
        _ = try cloud.add("vault")
        let path = try export(cloud.folder)
        let unconfirmed = try cloud.run("import", path, "--device", "vault", "--zone", "UTC")
        #expect(unconfirmed.code == 1 && unconfirmed.errors.contains("--yes") && unconfirmed.output.contains("«Relative_Humidity»"))
        for (arguments, words) in [
            (["import", path, "--device", "vault", "--yes"], "--zone"), (["import", path, "--yes"], "--device is missing"),
            (["import", path, "--device", "attic", "--zone", "UTC", "--yes"], "no device attic"),
        ] {
            let refused = try RunningProgram.run("vaho-cloud", arguments, environment: cloud.environment)
            #expect(refused.code != 0 && refused.errors.contains(words), "\(refused.errors)")
        }
        let imported = try cloud.run("import", path, "--device", "vault", "--sensor", "air", "--zone", "UTC", "--yes", "--reason", "before the move")
        #expect(imported.code == 0 && imported.output.contains("2880 readings are stored"), "\(imported.errors)")
        let again = try cloud.run("import", path, "--device", "vault", "--zone", "UTC", "--yes")
        #expect(again.output.contains("2880 were stored before"))
        let times = try await seen("observations of the import") {
            let found = try await cloud.json("/v1/devices/vault/observations?sensor=air&hours=480")["time"] as? [String] ?? []
            return found.count > 2_800 ? found : nil
        }
        #expect(times.count == Set(times).count)
        let audit = try cloud.run("audit", "--text", "imported", "--format", "json")
        #expect(audit.output.contains("vault/air") && audit.output.contains("before the move"))
        #expect(try await cloud.stop() == 0)
    }
}
