import Console
@testable import EdgeDaemon
import Foundation
import Measures
import Sensors
import Simulation
import Testing

@Suite struct EdgeSettingsTests {
    private func read(_ environment: [String: String], sensorsNeeded: Bool = true) throws -> EdgeSettings {
        var settings = Settings(environment: environment)
        return try EdgeSettings(&settings, sensorsNeeded: sensorsNeeded)
    }

    @Test func `the defaults need only one sensor, and nothing leaves the host`() throws {
        let settings = try read(["VAHO_SENSOR_CELLAR": "hwmon:sht4x", "VAHO_PLACE_CELLAR": "north wall"])
        #expect(settings.sensors.map(\.name.name) == ["cellar"])
        #expect(settings.sensors.first?.place == "north wall")
        #expect(settings.listen == Endpoint(address: "127.0.0.1", port: 8470))
        #expect(settings.samplePeriod == .seconds(60))
        #expect(settings.commitPeriod == .zero)
        #expect(settings.cloud == nil)
    }

    @Test(arguments: [
        (["VAHO_CLOUD_URL": "http://cloud.example", "VAHO_TOKEN_FILE": "/etc/hostname"], "without TLS only to loopback"),
        (["VAHO_CLOUD_URL": "ftp://cloud.example", "VAHO_TOKEN_FILE": "/etc/hostname"], "expected https://HOST"),
        (["VAHO_CLOUD_URL": "https://cloud.example"], "VAHO_TOKEN_FILE is missing"),
        (["VAHO_TOKEN_FILE": "/nowhere"], "VAHO_CLOUD_URL is not"),
        (["VAHO_CLOUD_URL": "https://c.example", "VAHO_TOKEN_FILE": "/nowhere"], "cannot read /nowhere: No such file"),
        (["VAHO_DEVICE_ID": "My Device"], "expected 1 to 64 of a-z"),
        (["VAHO_CLOUD_URL": "http://127.0.0.1@example.org", "VAHO_TOKEN_FILE": "/etc/hostname"], "without TLS only to loopback"),
        (["VAHO_CLOUD_URL": "http://localhost.example.org", "VAHO_TOKEN_FILE": "/etc/hostname"], "without TLS only to loopback"),
        (["VAHO_SENSOR_a": "simulated"], "there is a sensor a already"), (["VAHO_RELEASE_KEY_FILE": "/nowhere"], "cannot read /nowhere"),
        (["VAHO_SENSOR_B": "replay:/x.csv"], "cannot run beside live sensors"),
        (["VAHO_SENSOR_NÖRD": "simulated"], "a sensor's name is"),
    ])
    func `a configuration error says what to do`(extra: [String: String], words: String) {
        let error = #expect(throws: UsageError.self) { try read(["VAHO_SENSOR_A": "simulated"].merging(extra) { $1 }) }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test func `the example configuration is valid`() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../edge/vaho.conf.example"
        let file = try Settings.parse(file: Array(String(contentsOfFile: path, encoding: .utf8).utf8), path: path)
        var settings = Settings(environment: [:], file: file)
        let read = try EdgeSettings(&settings, sensorsNeeded: true)
        #expect(read.sensors.map(\.place) == ["crypt, north wall"])
    }

    @Test func `the error for a missing sensor lists the sensor kinds`() {
        let error = #expect(throws: UsageError.self) { try read([:]) }
        #expect(error?.description.contains("hwmon:NAME") == true)
        #expect(throws: Never.self) { try read([:], sensorsNeeded: false) }
    }
}
