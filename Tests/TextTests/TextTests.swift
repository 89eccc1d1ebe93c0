import Testing
import Text

@Suite struct RFC3339Tests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", Int64(0)), ("2026-11-21T04:10:00Z", 1_795_234_200_000), ("2000-02-29T23:59:59.123Z", 951_868_799_123),
        ("1969-12-31T23:59:59Z", -1_000), ("9999-12-31T00:00:00Z", 253_402_214_400_000),
    ])
    func `an instant is parsed and printed unchanged`(text: String, ms: Int64) {
        #expect(RFC3339.parse(text) == ms)
        #expect(RFC3339.format(ms: ms) == text)
    }

    @Test func `an instant outside the range of the format is shown as the nearest one inside`() {
        #expect(RFC3339.format(ms: .min) == "0000-01-01T00:00:00Z")
        #expect(RFC3339.format(ms: .max) == "9999-12-31T23:59:59.999Z")
    }

    @Test func `an offset, a space and long fractions are parsed`() {
        #expect(RFC3339.parse("2026-11-21 05:10:00+01:00") == 1_795_234_200_000)
        #expect(RFC3339.parse("2026-11-21T04:10:00.9999Z") == 1_795_234_200_999)
    }

    @Test(arguments: [
        "", "2026-11-21", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T04:10:00", "2026-11-21T04:10:00.Z",
        "2026-11-21T04:10:00Zx",
    ])
    func `text that is not a time is refused`(text: String) { #expect(RFC3339.parse(text) == nil) }
}

@Suite struct NumberTextTests {
    @Test func `fixed places round half away from zero and never print minus zero`() {
        #expect(NumberText.fixed(45.125, places: 2) == "45.13")
        #expect(NumberText.fixed(-0.001, places: 2) == "0.00")
        #expect(NumberText.fixed(-1.5, places: 0) == "-2")
        #expect(NumberText.fixed(.nan, places: 1) == nil)
        #expect(NumberText.fixed(1e300, places: 1) == nil)
    }

    @Test func `thousandths print without trailing zeros`() {
        #expect(NumberText.thousandths(45_100) == "45.1")
        #expect(NumberText.thousandths(-5) == "-0.005")
        #expect(NumberText.thousandths(250_000) == "250")
    }

    @Test(arguments: ["nan", "1e400", "0x10", " 1", "", "1,5", "inf"])
    func `only finite decimal numbers are accepted`(text: String) { #expect(NumberText.decimal(text) == nil) }
}

@Suite struct SeriesCSVTests {
    @Test func `columns are found by name, and an empty field is missing`() throws {
        let format = try SeriesCSV(header: "time,temperature_c,humidity_pct")
        let row = try format.row("2026-11-21T04:10:00Z,,45.5\r", line: 2)
        #expect(row == SeriesCSV.Row(takenAtMs: 1_795_234_200_000, humidityPct: 45.5, temperatureC: nil))
    }

    @Test func `empty fields after the last column are ignored, and other extra fields are refused`() throws {
        let format = try SeriesCSV(header: "time,humidity_pct")
        #expect(try format.row("2026-11-21T04:10:00Z,45.2,,", line: 2).humidityPct == 45.2)
        #expect(throws: SeriesCSV.Malformed.self) { try format.row("2026-11-21T04:10:00Z,45,2", line: 3) }
    }

    @Test(arguments: [("2026-11-21T04:10:00Z", "2 fields"), ("yesterday,45", "time «yesterday»"), ("2026-11-21T04:10:00Z,nan", "humidity_pct «nan»")])
    func `a malformed line is reported with its number and its fault`(line: String, words: String) throws {
        let format = try SeriesCSV(header: "time,humidity_pct")
        let error = #expect(throws: SeriesCSV.Malformed.self) { try format.row(line, line: 7) }
        #expect(error?.line == 7)
        #expect(error?.description.contains(words) == true)
    }

    @Test(arguments: [
        ("time,humidity_pct,humidity_pct", "humidity_pct twice"), ("t\0i\0m\0e\0", "UTF-16"), ("time;humidity_pct", "separated by commas"),
    ])
    func `an unusable header is refused with its fault`(header: String, words: String) {
        let error = #expect(throws: SeriesCSV.Malformed.self) { try SeriesCSV(header: header) }
        #expect(error?.description.contains(words) == true, "\(String(describing: error))")
    }

    @Test func `a file without the columns is refused with an example`() {
        let error = #expect(throws: SeriesCSV.Malformed.self) { try SeriesCSV(header: "date,rh") }
        #expect(error?.description.contains("time,humidity_pct,temperature_c") == true)
    }

    @Test func `quoted fields keep their commas and quotes`() {
        #expect(CSV.fields(of: #"a,"b ""c"", d",e"#) == ["a", #"b "c", d"#, "e"])
        #expect(CSV.field(#"x,"y""#) == #""x,""y""""#)
    }
}

@Suite struct WriterTests {
    @Test func `JSON is escaped, has correct commas, and has null for numbers that are not finite`() {
        var json = JSONWriter()
        json.object { json in
            json.field("a", "tab\t\"quote\"")
            json.array("b") { json in
                json.number(1.50, places: 3)
                json.number(.nan, places: 3)
                json.integer(Int?.none)
            }
            json.object("c") { _ in }
            json.field("d", true)
        }
        #expect(String(decoding: json.bytes, as: UTF8.self) == #"{"a":"tab\u0009\"quote\"","b":[1.5,null,null],"c":{},"d":true}"#)
    }

    @Test func `samples of one metric are grouped under one heading`() {
        var metrics = MetricsText()
        metrics.gauge("x", "X.", 1, [("sensor", "a")])
        metrics.counter("y_total", "Y.", 2)
        metrics.gauge("x", "X.", 3, [("sensor", "b")])
        #expect(
            metrics.text
                == "# HELP x X.\n# TYPE x gauge\nx{sensor=\"a\"} 1.0\nx{sensor=\"b\"} 3.0\n# HELP y_total Y.\n# TYPE y_total counter\ny_total 2.0\n")
    }

    @Test(arguments: [("PT30M", 1_800), ("P5D", 432_000), ("P1DT12H", 129_600), ("PT1H30M5S", 5_405)])
    func `an ISO 8601 duration is parsed`(text: String, seconds: Int) { #expect(ISO8601Duration.parse(text) == .seconds(seconds)) }

    @Test(arguments: ["", "P", "PT", "5D", "PT5", "P5H", "PT99999999999H", "P-1D"])
    func `other text is not a duration`(text: String) { #expect(ISO8601Duration.parse(text) == nil) }

    @Test func `the nearest word is found, and a distant one is not`() {
        #expect(NearestWord.closest("forcast", in: ["status", "forecast"]) == "forecast")
        #expect(NearestWord.closest("VAHO_LISTNE", in: ["VAHO_LISTEN", "VAHO_STORE"]) == "VAHO_LISTEN")
        #expect(NearestWord.closest("xyzzy", in: ["status", "forecast"]) == nil)
    }
}

@Suite struct OutsideTextTests {
    @Test(arguments: [[], TextLines.byteOrderMark] as [[UInt8]], ["\n", "\r\n"])
    func `lines are the same for every editor's byte order mark and line ending`(mark: [UInt8], end: String) {
        let bytes = mark + ["VAHO_A=1", "", "# näher", "VAHO_B=2"].joined(separator: end).utf8
        #expect(TextLines.split(bytes) == ["VAHO_A=1", "", "# näher", "VAHO_B=2"])
    }

    @Test func `control characters from outside are escaped, including those that move the cursor or reverse text`() {
        let line = PrintableText.line("x\u{1B}[2J\u{9B}1m\r\n<0>forged\u{202E}\u{0}\tä€😀")
        #expect(line == #"x\u{1b}[2J\u{9b}1m\u{d}\n<0>forged\u{202e}\u{0}\tä€😀"#)
        #expect(PrintableText.text("one\n\ttwo\u{7}") == "one\n\ttwo\\u{7}")
        #expect(PrintableText.line(String(repeating: "é", count: 700)).count == 601)
    }

    @Test func `a long list is truncated and says how many entries are missing`() {
        #expect(WordList.text([]) == "none")
        #expect(WordList.text(["a", "b"], limit: 2) == "a, b")
        #expect(WordList.text((1...100_000).map { "s\($0)" }, limit: 3) == "s1, s2, s3 and 99997 more")
    }
}
