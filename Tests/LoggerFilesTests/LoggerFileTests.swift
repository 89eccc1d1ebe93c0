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

    @Test func `a hundred thousand broken rows leave twenty problems and a count`() throws {
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
