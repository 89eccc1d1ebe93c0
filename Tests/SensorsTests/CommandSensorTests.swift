import Foundation
import Measures
@testable import Sensors
import Testing

@Suite struct PrintedReadingTests {
    @Test(
        arguments: [
            ("45.25", 45_250, nil, nil), ("45.25,21.5", 45_250, 21_500, nil), (" 45.25 , 21.5 , 1013.25\r", 45_250, 21_500, 101_325),
            ("45,,1000", 45_000, nil, 100_000), ("humidity_pct=45.25 temperature_c=-3", 45_250, -3_000, nil),
            ("battery=2.9 pressure_hpa=990.5 humidity_pct=61", 61_000, nil, 99_050),
        ] as [(String, Int32, Int32?, Int32?)])
    func `a line is parsed in both formats`(line: String, humidity: Int32, temperature: Int32?, pressure: Int32?) throws {
        #expect(try PrintedReading.sample(line) == Sample(humidityMpct: humidity, temperatureMc: temperature, pressurePa: pressure))
    }

    @Test(arguments: ["", "abc", "45;21", "45,21,1013,7", "temperature_c=3", "humidity_pct=", "humidity_pct=4x", "nan", "1e400"])
    func `any other line is refused`(line: String) {
        #expect(throws: SensorError.self) { try PrintedReading.sample(line) }
    }

    @Test(
        arguments: [
            ("45.2,nan", 45_200, nil, nil), ("45.2,21.3,101325", 45_200, 21_300, 101_325), ("humidity_pct=45.2 temperature_c=nan", 45_200, nil, nil),
            ("45,21,13.2", 45_000, 21_000, nil), ("45,1e9", 45_000, nil, nil),
        ] as [(String, Int32, Int32?, Int32?)])
    func `a bad value beside the humidity is dropped with a remark`(line: String, humidity: Int32, temperature: Int32?, pressure: Int32?) throws {
        let sample = try PrintedReading.sample(line)
        #expect(sample.humidityMpct == humidity && sample.temperatureMc == temperature && sample.pressurePa == pressure)
        #expect((sample.droppedValueNote == nil) == (temperature != nil && pressure != nil))
    }

    @Test func `a decimal comma between named values is refused, not parsed as another number`() {
        let error = #expect(throws: SensorError.self) { try PrintedReading.sample("humidity_pct=45,2 temperature_c=21,5") }
        #expect(error?.description.contains("decimal point") == true)
    }

    @Test func `a number before the first name is a time or a counter and is ignored`() throws {
        #expect(try PrintedReading.sample("1767225600 humidity_pct=45.2 temperature_c=21") == Sample(humidityMpct: 45_200, temperatureMc: 21_000))
    }

    @Test func `an impossible humidity is kept and flagged`() throws {
        #expect(try PrintedReading.sample("250") == Sample(humidityMpct: 250_000, flags: .impossible))
    }
}

/// Real processes; each read waits for output of its program.
@Suite final class CommandSensorTests {
    private func sensor(_ command: String, period: Duration = .milliseconds(10)) -> CommandSensor { CommandSensor(command, period: period) }

    deinit {
        let temporary = FileManager.default.temporaryDirectory.path
        for file in (try? FileManager.default.contentsOfDirectory(atPath: temporary)) ?? [] where "\(temporary)/\(file)".hasPrefix(marks) {
            try? FileManager.default.removeItem(atPath: "\(temporary)/\(file)")
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a running program is read line by line, and comments and blank lines are ignored`() async throws {
        // The program prints the next line only after the previous line was read, because the sensor uses only the newest line.
        let sensor = sensor(
            "echo '# bridge 1.2'; echo; for i in 41 42 43; do echo $i,20; until [ -e \(marks).$i ]; do sleep 0.05; done; done; sleep 100")
        defer { sensor.stop() }
        for percent: Int32 in [41, 42, 43] {
            #expect(try await sensor.read() == Sample(humidityMpct: percent * 1_000, temperatureMc: 20_000))
            try Data().write(to: URL(fileURLWithPath: "\(marks).\(percent)"))
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a program that prints once and ends is started again`() async throws {
        let sensor = sensor("echo $$ >> \(marks); echo 55")
        #expect(try await sensor.read()?.humidityMpct == 55_000)
        #expect(try await sensor.read()?.humidityMpct == 55_000)
        #expect(try String(contentsOfFile: marks, encoding: .utf8).split(separator: "\n").count == 2)
    }

    @Test(
        .timeLimit(.minutes(1)),
        arguments: [
            ("exit 3", "ended with code 3"), ("kill -9 $$", "ended with code 137"), ("true", "ended without a line"),
            ("printf 44", "«44» has no line break"),
            ("echo no humidity", "«no humidity» is not a number"), ("head -c 9000 /dev/zero | tr '\\0' x; sleep 100", "more than 256 bytes"),
            ("/no/such/program", "ended with code 127"),
        ])
    func `a failure of the command is reported`(command: String, words: String) async throws {
        let sensor = sensor(command)
        defer { sensor.stop() }
        let error = await #expect(throws: SensorError.self) { try await sensor.read() }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test(.timeLimit(.minutes(1))) func `the line after an invalid line is read`() async throws {
        let sensor = sensor("echo nonsense; until [ -e \(marks) ]; do sleep 0.05; done; echo 47; sleep 100")
        defer { sensor.stop() }
        await #expect(throws: SensorError.self) { try await sensor.read() }
        try Data().write(to: URL(fileURLWithPath: marks))
        #expect(try await sensor.read()?.humidityMpct == 47_000)
    }

    @Test(.timeLimit(.minutes(1))) func `a line followed by blank lines and comments is read as the newest`() async throws {
        let sensor = sensor("printf '50\\n\\n# done\\n'; sleep 100")
        defer { sensor.stop() }
        #expect(try await sensor.read()?.humidityMpct == 50_000)
    }

    @Test(.timeLimit(.minutes(1))) func `a program that ignores SIGTERM is killed`() async throws {
        let sensor = sensor("trap '' TERM; echo $$ > \(marks); while :; do echo 50; sleep 0.2; done")
        _ = try await sensor.read()
        let group = try #require(Int32(try String(contentsOfFile: marks, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)))
        sensor.stop()
        await #expect(throws: CancellationError.self) { try await sensor.read() }
        #expect(try living(group) == 0)
    }

    @Test(.timeLimit(.minutes(1))) func `a flood of lines is read with the minimum spacing`() async throws {
        let sensor = sensor("i=0; while :; do i=$((i+1)); echo 40.$((i % 10)); done")
        defer { sensor.stop() }
        let since = ContinuousClock.now
        for _ in 0..<3 { _ = try await sensor.read() }
        #expect(ContinuousClock.now - since >= CommandSensor.minimumSpacing * 2)
    }

    @Test(.timeLimit(.minutes(1))) func `stopping ends every process that the command started`() async throws {
        let sensor = sensor("echo $$ > \(marks); sleep 1000 & echo 50; wait")
        _ = try await sensor.read()
        let group = try #require(Int32(try String(contentsOfFile: marks, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(try living(group) == 2)
        sensor.stop()
        await #expect(throws: CancellationError.self) { try await sensor.read() }  // nothing is started again
        #expect(try living(group) == 0)
    }

    /// Counts the processes of a group, without zombies.
    private func living(_ group: Int32) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { name in
            guard Int32(name) != nil, let stat = try? String(contentsOfFile: "/proc/\(name)/stat", encoding: .utf8) else { return false }
            let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
            return fields.count > 2 && fields[0] != "Z" && Int32(fields[2]) == group
        }.count
    }

    private let marks = FileManager.default.temporaryDirectory.path + "/vaho-marks-\(UInt64.random(in: 0...(.max)))"
}
