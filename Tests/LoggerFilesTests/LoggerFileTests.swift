import LoggerFiles
import Measures
import Testing

@Suite struct LoggerFileTests {
    private func file(_ text: String, zone: String? = "UTC", dates: DateOrder? = nil) throws -> LoggerFile {
        try LoggerFile(Array(text.utf8), options: LoggerFile.Options(dateOrder: dates, zone: zone.map { try TimeZoneRules($0) }))
    }

    @Test func `times without a zone are refused until the zone is named`() throws {
        let text = "time,humidity\n2026-08-06 09:22:00,44\n"
        let error = #expect(throws: UnknownLayout.self) { try file(text, zone: nil).read() }
        #expect(error?.description.contains("--zone") == true)
        #expect(try file(text, zone: "+02:00").read().rows.first?.takenAt.ms == 1_786_000_920_000)
    }

    @Test func `the hour that comes twice in autumn is read twice, and the one that is skipped in spring is moved`() throws {
        // In Berlin the clocks go back from 03:00 to 02:00 on 2026-10-25, at 01:00 UTC.
        let autumn = (["01:30", "02:00", "02:30", "02:00", "02:30", "03:00"]).map { "2026-10-25 \($0),50" }.joined(separator: "\n")
        let rows = try file("time,humidity\n" + autumn, zone: "Europe/Berlin").read().rows
        let half: Int64 = 1_800_000
        #expect(rows.count == 6 && zip(rows, rows.dropFirst()).allSatisfy { $1.takenAt.ms - $0.takenAt.ms == half })
        // They go forward from 02:00 to 03:00 on 2026-03-29.
        let spring = try file("time,humidity\n2026-03-29 01:30,50\n2026-03-29 02:30,51\n2026-03-29 03:30,52\n", zone: "Europe/Berlin").read()
        #expect(spring.rows.map { $0.takenAt.ms - spring.rows[0].takenAt.ms } == [0, 2 * half] && spring.repeated == 1)
    }

    @Test func `a file that begins with its newest row is read like the other way round`() throws {
        let times = ["01:30", "02:00", "02:30", "02:00", "02:30", "03:00"].map { "2026-10-25 \($0),50" }
        let rows = try file("time,humidity\n" + times.reversed().joined(separator: "\n"), zone: "Europe/Berlin").read().rows
        #expect(rows.count == 6 && zip(rows, rows.dropFirst()).allSatisfy { $1.takenAt.ms - $0.takenAt.ms == 1_800_000 })
    }

    /// None of these is midnight.
    @Test(arguments: [
        "21.11.2026 13:05:00 PM", "21.11.2026 00:15 AM", "21.11.2026 04:10:5", "21.11.2026 23:59:60", "21.11.2026 04:10:05.", "202611210410",
    ])
    func `a time that cannot be right is a problem`(time: String) throws {
        let result = try file("time,humidity\n21.11.2026 04:00,50\n\(time),51\n").read()
        #expect(result.rows.map(\.humidityPct) == [50] && result.problems.map(\.line) == [3])
    }

    @Test func `rows after the latest possible time, and impossible humidities, are problems`() throws {
        let text =
            "time;humidity;temp\n2026-11-21 04:00;50;21,5\n2026-11-22 04:00;51;21,5\n2026-11-21 05:00;99999999;21,5\n2026-11-21 06:00;52;Err1\n"
        let options = LoggerFile.Options(zone: .utc, latest: Instant(ms: 1_795_305_600_000))  // 2026-11-22 00:00
        let result = try LoggerFile(Array(text.utf8), options: options).read()
        #expect(result.rows.map(\.humidityPct) == [50, 52] && result.rows.map(\.temperatureC) == [21.5, nil])
        #expect(result.problems.map(\.line) == [3, 4])
    }

    @Test(arguments: [
        ("Temp. first floor (°C)", 21.5), ("temp_floor", 21.5), ("Temp °F", -5.833), ("temp_f", -5.833), ("Temperature [C] F2", 21.5),
    ])
    func `the unit of a temperature is a unit and not any letter`(name: String, celsius: Double) throws {
        let row = try #require(try file("time,humidity,\(name)\n2026-11-21 04:00,50,21.5\n").read().rows.first)
        #expect((try #require(row.temperatureC) - celsius).magnitude < 0.001)
    }

    @Test func `a point in the time of day says nothing about the date`() throws {
        #expect(try file("time,rh\n11/05/2026 04:10:00.000,44\n").layout.isDateOrderGuessed)
        #expect(try file("time,rh\n11.05.2026 04:10,44\n").layout.dateOrder == .dayMonthYear)
    }

    @Test(arguments: [
        ("", "empty"), ("a,b,c\n1,2,3\n", "names a column of times and a column of relative humidity"),
        ("time,humidity\nyesterday,44\n", "no line after it"),
    ])
    func `a file without a layout is refused with the reason`(text: String, words: String) throws {
        let error = #expect(throws: UnknownLayout.self) { try file(text).read() }
        #expect(error?.description.contains(words) == true, "\(String(describing: error))")
    }

    @Test func `neighbouring times decide which number is the day`() throws {
        let days = (1...9).map { "0\($0)/08/2026 09:00,44" }, months = (1...9).map { "08/0\($0)/2026 09:00,44" }
        #expect(try file("time,rh\n" + days.joined(separator: "\n")).layout.dateOrder == .dayMonthYear)
        #expect(try file("time,rh\n" + months.joined(separator: "\n")).layout.dateOrder == .monthDayYear)
        let layout = try file("time,rh\n01/02/2026 10:00,44\n").layout
        #expect(layout.isDateOrderGuessed && layout.dateOrder == .dayMonthYear)
        #expect(try file("time,rh\n01/02/2026 10:00 AM,44\n").layout.dateOrder == .monthDayYear)
        #expect(try file("time,rh\n01/02/2026 10:00,44\n", dates: .monthDayYear).read().rows.first?.takenAt.ms == 1_767_348_000_000)
    }

    @Test func `rows that cannot be read are named by line, and the others are read`() throws {
        let result = try file(
            """
            time,humidity,temperature
            2026-08-06 09:00,61,5,21,5
            2026-08-06 09:10,44,21.5
            2026-08-06 09:20,abc1,21.5
            2026-08-06 09:30,---,21.5
            2026-13-06 09:40,44,21.5
            2026-08-06 09:10,45,21.5
            2026-08-06
            2026-08-06 08:50,43,21.5
            """
        ).read()
        #expect(result.rows.map(\.humidityPct) == [43, 44])
        #expect(result.problems.map(\.line) == [2, 4, 6, 8] && result.problemCount == 4)
        #expect(result.problems[0].text.contains("decimal commas") && result.problems[1].text.contains("abc1"))
        #expect(result.missing == 1 && result.repeated == 1)
    }

    @Test func `the result of 100000 unreadable rows has 20 problems and the count`() throws {
        let text = "time,humidity\n2026-08-06 09:00,44\n" + String(repeating: "x,y\n", count: 100_000)
        let result = try file(text).read()
        #expect(result.problems.count == 20 && result.problemCount == 100_000 && result.rows.count == 1)
    }

    @Test(arguments: ["Mars/Olympus", "", "../../etc/passwd", "/etc/passwd", "+25:00", "Europe"])
    func `what is not a time zone is refused`(name: String) { #expect(throws: TimeZoneRules.Unknown.self) { try TimeZoneRules(name) } }

    @Test func `the layout is described for a person`() throws {
        let text = MakerExample.all[0].text
        let words = try file(text, zone: nil).layout.description.map { "\($0.what): \($0.value)" }
        #expect(words.contains("time zone: UTC−04:00") && words.contains { $0.hasPrefix("temperature: ") && $0.hasSuffix("°F") })
        #expect(words.contains("header: line 2") && words.contains("separator: comma"))
    }
}
