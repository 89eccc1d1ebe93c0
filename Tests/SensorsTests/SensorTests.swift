import Foundation
import Measures
import Runtime
import Sensors
import Simulation
import Synchronization
import Testing

@Suite struct ReplaySensorTests {
    private let folder = FakeSysfs()

    @Test func `rows are replayed in time order, and malformed or NaN lines are reported in place while the rest continues`() async throws {
        try folder.write(
            "a.csv",
            """
            time,humidity_pct,temperature_c
            2026-01-01T00:00:00Z,45,20
            2026-01-01T01:00:00Z,nan,20
            gibberish
            2026-01-01T02:00:00Z,250,
            2026-01-01T01:30:00Z,46,20
            2026-01-01T01:30:00Z,49,20
            2026-01-01T03:00:00Z,47,wet

            """)
        let sensor = try ReplaySensor(path: folder.root + "/a.csv", startingAfter: nil)
        #expect(sensor.identity.spacing == .seconds(3_600))
        #expect(try await sensor.read()?.humidityMpct == 45_000)
        for line in ["line 3", "line 4"] {
            let error = await #expect(throws: SensorError.self) { try await sensor.read() }
            #expect(error?.description.contains(line) == true)
        }
        #expect(try await sensor.read()?.humidityMpct == 46_000)
        let next = try #require(try await sensor.read())
        #expect(next.flags == [.impossible, .replayed] && next.droppedValueNote == "line 7: an earlier line has the same time")
        let last = try #require(try await sensor.read())
        #expect(last.humidityMpct == 47_000 && last.temperatureMc == nil && last.droppedValueNote?.contains("«wet»") == true)
        #expect(try await sensor.read() == nil)
    }

    /// A line of a series with one row a minute.
    private func row(_ minute: Int) -> String {
        let time = Instant(ms: 1_767_225_600_000 + Int64(minute) * 60_000)
        return "\(ISO8601DateFormatter().string(from: Date(timeIntervalSince1970: Double(time.ms) / 1_000))),\(40 + minute % 20)\n"
    }

    @Test func `rows in reverse order are sorted within a window, and beyond the window the file is refused with the line`() async throws {
        try folder.write("a.csv", "time,humidity_pct\n" + (0..<3_000).reversed().map(row).joined())
        let sensor = try ReplaySensor(path: folder.root + "/a.csv", startingAfter: nil)
        #expect(sensor.identity.startsAt == Instant(ms: 1_767_225_600_000))
        var times: [Instant] = []
        while let sample = try await sensor.read() { times.append(try #require(sample.takenAt)) }
        #expect(times.count == 3_000 && times == times.sorted())

        try folder.write("b.csv", "time,humidity_pct\n" + (1...5_000).map(row).joined() + row(0))
        let late = try ReplaySensor(path: folder.root + "/b.csv", startingAfter: nil)
        for _ in 1...904 { _ = try await late.read() }
        let error = await #expect(throws: SensorError.self) { while try await late.read() != nil {} }
        #expect(error?.isFinal == true && error?.description.contains("line 5002") == true)
    }

    @Test(
        arguments: [
            ("\u{FEFF}time, humidity_pct ,temperature_c\r\n2026-01-01T00:00:00Z, 45 ,20\r\n", nil),
            ("time;humidity_pct\n2026-01-01T00:00:00Z;45\n", "«time;humidity_pct»; fields are separated by commas"),
            ("Zeit,Feuchte\n2026-01-01T00:00:00Z,45\n", "found «Zeit», «Feuchte»"),
            ("time,humidity_pct\n2026-01-01 09:22:00,45\n", "has no zone"), ("time,humidity_pct\n2026-01-01,45\n", "has no zone"),
            ("time,humidity_pct\n2026-01-01T00:00:00Z,45,5\n", "3 fields found, the header has 2"),
        ] as [(String, String?)])
    func `files of other programs are read, or refused with the reason`(text: String, problem: String?) async throws {
        try folder.write("a.csv", text)
        do {
            let sensor = try ReplaySensor(path: folder.root + "/a.csv", startingAfter: nil)
            #expect(try await sensor.read()?.humidityMpct == 45_000)
            #expect(problem == nil)
        } catch {
            let expected = try #require(problem, "\(error)")
            #expect("\(error)".contains(expected), "\(error)")
        }
    }

    @Test func `a restart continues where the log ends`() async throws {
        try folder.write("a.csv", "time,humidity_pct\n2026-01-01T00:00:00Z,1\n2026-01-01T01:00:00Z,2\n2026-01-01T02:00:00Z,3\n")
        let sensor = try ReplaySensor(path: folder.root + "/a.csv", startingAfter: Instant(ms: 1_767_229_200_000))
        #expect(try await sensor.read()?.humidityMpct == 3_000)
    }

    @Test func `a missing file and a file without rows are errors`() throws {
        #expect(throws: FileError.self) { try ReplaySensor(path: "/nowhere.csv", startingAfter: nil) }
        try folder.write("empty.csv", "time,humidity_pct\n")
        let error = #expect(throws: SensorError.self) { try ReplaySensor(path: folder.root + "/empty.csv", startingAfter: nil) }
        #expect(error?.description.contains("no row") == true)
    }
}

@Suite struct SensorSpecTests {
    @Test func `each kind of sensor is parsed`() throws {
        #expect(try SensorSpec("iio:bme280") == .kernel(.iio, KernelDeviceName(name: "bme280")))
        #expect(try SensorSpec("hwmon:sht4x@1-0044") == .kernel(.hwmon, KernelDeviceName(name: "sht4x", address: "1-0044")))
        #expect(try SensorSpec("replay:/a:b.csv") == .replay(path: "/a:b.csv"))
        #expect(try SensorSpec("simulated") == .simulated(.room, seed: 1))
        #expect(try SensorSpec("simulated:outdoor,seed=7") == .simulated(.outdoor, seed: 7))
    }

    @Test(arguments: [("hwmn:sht4x", "did you mean hwmon?"), ("iio:", "expected one of"), ("simulated:sead=3", "«sead=3»")])
    func `an unknown sensor is refused with the nearest valid form`(text: String, message: String) {
        let error = #expect(throws: SensorError.self) { try SensorSpec(text) }
        #expect(error?.description.contains(message) == true)
    }

    @Test func `a simulated sensor fails at the given rate, in every way, and equally for equal seeds`() async throws {
        let start = Instant(ms: 1_700_000_000_000)
        let time = Mutex(start)
        func sensor(_ percent: Int) -> SimulatedSensor { SimulatedSensor(.room, seed: 3, faultPercent: percent, now: { time.withLock { $0 } }) }
        func said(_ sensor: SimulatedSensor) async throws -> [Sample?] {
            var said: [Sample?] = []
            for minute in 0..<20_000 {
                time.withLock { $0 = start + .seconds(60 * minute) }
                said.append(try? await sensor.read())
            }
            return said
        }
        let good = try await said(sensor(0))
        let faulty = try await said(sensor(5))
        #expect(good.allSatisfy { $0?.flags == .simulated })
        let wrong = zip(good, faulty).filter { $0 != $1 }.count
        #expect((600...1_400).contains(wrong))
        #expect(faulty.contains { $0 == nil } && faulty.contains { $0?.flags.contains(.impossible) == true })
        #expect(
            zip(good, faulty).contains {
                ($0?.humidityMpct ?? 0) - ($1?.humidityMpct ?? 0) == 40_000 || ($1?.humidityMpct ?? 0) - ($0?.humidityMpct ?? 0) == 40_000
            })
        #expect(try await said(sensor(5)) == faulty)
        #expect(try "\(SensorSpec("simulated:outdoor,seed=7,faults=2"))" == "simulated:outdoor,seed=7,faults=2")
    }

    @Test func `a simulated sensor gives a reading of its air`() async throws {
        let sample = try #require(try await SensorSpec("simulated").open(sysfs: "/sys", startingAfter: nil, period: .seconds(60)).read())
        #expect((0...100_000).contains(sample.humidityMpct ?? -1))
        #expect(sample.flags == .simulated)
    }
}
