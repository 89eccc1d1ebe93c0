import Console
import Testing

@Suite struct ArgumentsTests {
    private let options = [Arguments.Option("horizon", value: "D", ""), Arguments.Option("check", "")]

    @Test func `an option takes a value after a space or an equals sign, and a flag takes none`() throws {
        let arguments = try Arguments(["--horizon", "24h", "name", "--check"], options: options, positional: 0...1)
        #expect(try arguments.duration("horizon") == .seconds(86_400))
        #expect(arguments.hasFlag("check"))
        #expect(arguments.positional == ["name"])
        #expect(try Arguments(["--horizon=5d"], options: options, positional: 0...0).duration("horizon") == .seconds(432_000))
    }

    @Test(arguments: [
        (["--horizn", "3h"], "did you mean --horizon?"), (["--horizon"], "needs a value"), (["--check=1"], "takes no value"),
        (["a", "b"], "«b» is one word too many"),
        (["-x"], "two dashes"),
    ])
    func `a wrong argument is reported with its cause`(words: [String], message: String) {
        let error = #expect(throws: UsageError.self) { try Arguments(words[...], options: options, positional: 0...1) }
        #expect(error?.description.contains(message) == true)
    }

    @Test(arguments: [
        ("NAME [--out FOLDER]", 0, "NAME is missing"), ("OLD NEW", 1, "NEW is missing"), ("URL CODE [--config FILE]", 1, "CODE is missing"),
        ("SENSOR [--two-point A:B | --gain F] | SENSOR --undo", 0, "SENSOR is missing"),
    ])
    func `a missing argument is named`(usage: String, given: Int, message: String) {
        let words = ["a", "b", "c"].prefix(given)
        let error = #expect(throws: UsageError.self) { try Arguments(Array(words)[...], options: options, positional: 2...2, usage: usage) }
        #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "")")
    }

    @Test func `an invalid duration or number is refused`() throws {
        let arguments = try Arguments(["--horizon", "soon"], options: options, positional: 0...0)
        #expect(throws: UsageError.self) { try arguments.duration("horizon") }
        #expect(throws: UsageError.self) { try arguments.integer("horizon", in: 1...5) }
    }

    @Test(.timeLimit(.minutes(1))) func `the exit code is 0 for success, 1 for failure, 2 for wrong use`() async {
        struct Broken: Error {}
        let program = Program(
            name: "p", version: "1", summary: "",
            commands: [Program.Command("go", "") { _ in }, Program.Command("fail", "") { _ in throw Broken() }])
        #expect(await program.run(["go"]) == 0)
        #expect(await program.run(["fail"]) == 1)
        #expect(await program.run(["go", "--fast"]) == 2)
        #expect(await program.run(["stop"]) == 2)
        #expect(await program.run([]) == 2)
    }

    @Test(
        .timeLimit(.minutes(1)),
        arguments: [
            ("device add -h", 0), ("device add --help", 0), ("device -h", 0), ("device help", 0), ("device", 2), ("go -h", 0), ("go -- -h", 2),
            ("device ad", 2),
        ] as [(String, Int32)])
    func `help works for every command and every group`(line: String, code: Int32) async {
        struct Ran: Error {}
        let program = Program(
            name: "p", version: "1", summary: "",
            commands: [
                Program.Command("go", "") { _ in throw Ran() }, Program.Command("device add", "make one") { _ in throw Ran() },
                Program.Command("device list", "list them") { _ in throw Ran() },
            ])
        #expect(await program.run(line.split(separator: " ").map(String.init)) == code)
    }
}

@Suite struct SettingsTests {
    @Test func `all configuration problems are reported at once`() {
        var settings = Settings(environment: ["VAHO_A": "lots", "VAHO_LISTEN": "here", "VAHO_LISTNE": "1", "OTHER": "x"])
        _ = settings.integer("VAHO_A", default: 1, in: 1...10)
        _ = settings.endpoint("VAHO_LISTEN", default: Endpoint(address: "127.0.0.1", port: 1))
        let error = #expect(throws: UsageError.self) { try settings.throwProblems() }
        let text = error?.description ?? ""
        #expect(text.hasPrefix("3 settings are wrong:"))
        #expect(text.contains("VAHO_A=lots: expected a whole number from 1 to 10"))
        #expect(text.contains("VAHO_LISTEN=here"))
        #expect(text.contains("VAHO_LISTNE is not a setting: did you mean VAHO_LISTEN?"))
    }

    @Test func `settings of the other program are ignored, and a mistyped setting is an error`() throws {
        let both = [
            "VAHO_STORE": "sqlite:/a", "VAHO_SILENT_AFTER_SECONDS": "9", "VAHO_SENSOR_AIR": "simulated", "VAHO_RULE_DAMP": "x",
            "VAHO_CLOUD_URL": "https://a",
        ]
        var cloud = Settings(environment: both)
        for key in ["VAHO_STORE", "VAHO_SILENT_AFTER_SECONDS"] { _ = cloud.optional(key) }
        try cloud.throwProblems(ignoring: .edge)
        var edge = Settings(environment: both)
        _ = edge.group("VAHO_SENSOR_")
        _ = edge.group("VAHO_RULE_")
        _ = edge.optional("VAHO_CLOUD_URL")
        try edge.throwProblems(ignoring: .cloud)
        var mistyped = Settings(environment: ["VAHO_STOER": "sqlite:/a"])
        #expect(throws: UsageError.self) { try mistyped.throwProblems(ignoring: .edge) }
    }

    @Test func `the environment overrides the file, and the file may hold quotes and comments`() throws {
        let file = try Settings.parse(file: Array("# c\n\nVAHO_A=1\nVAHO_B = \"two words\"\n".utf8), path: "f")
        var settings = Settings(environment: ["VAHO_A": "2"], file: file)
        #expect(settings.integer("VAHO_A", default: 0, in: 0...9) == 2)
        #expect(settings.text("VAHO_B", default: "") == "two words")
        try settings.throwProblems()
        #expect(throws: UsageError.self) { try Settings.parse(file: Array("what".utf8), path: "f") }
    }

    @Test func `a setting in days accepts the word forever`() throws {
        var settings = Settings(environment: ["VAHO_A": "forever", "VAHO_B": "500", "VAHO_C": "89"])
        #expect(settings.days("VAHO_A", default: 400, in: 90...1_000) == nil)
        #expect(settings.days("VAHO_B", default: 400, in: 90...1_000) == 500)
        #expect(settings.days("VAHO_D", default: 400, in: 90...1_000) == 400)
        _ = settings.days("VAHO_C", default: 400, in: 90...1_000)
        let error = #expect(throws: UsageError.self) { try settings.throwProblems() }
        #expect(error?.description.contains("VAHO_C=89: expected a whole number of days from 90 to 1000, or forever") == true)
    }

    @Test func `an endpoint is a numeric address and a port`() {
        #expect(Endpoint("127.0.0.1:80") == Endpoint(address: "127.0.0.1", port: 80))
        #expect(Endpoint("[::1]:0")?.isLoopback == true)
        for text in ["localhost:80", "127.0.0.1", ":80", "127.0.0.1:99999"] { #expect(Endpoint(text) == nil) }
    }
}

@Suite struct TableTests {
    private var table: Table {
        var table = Table([.text("sensor"), .number("humidity_pct")])
        table.addRow(["cellar", "45.1"])
        table.addRow(["roof, west", ""])
        return table
    }
    @Test func `columns are aligned, numbers to the right`() {
        #expect(table.text(width: 80) == "sensor      humidity_pct\ncellar              45.1\nroof, west\n")
    }
    @Test func `a table that is too wide drops detail columns, then wraps text, then gives each cell its own line`() {
        var table = Table([.text("name"), .number("size", isOmittable: true), .text("detail")])
        table.addRow(["cellar", "12", "a sensor that has been failing since yesterday"])
        #expect(table.text(width: 80).hasPrefix("name    size  detail\ncellar    12  a sensor"))
        let narrow = table.text(width: 40)
        #expect(narrow.hasPrefix("name    detail\ncellar  a sensor that has been failing\n        since yesterday\n"))
        #expect(narrow.contains("(no room for size: --format csv or json") && !narrow.contains("12"))
        #expect(narrow.split(separator: "\n").allSatisfy { $0.count <= 40 })
        let blocks = table.text(width: 20)
        #expect(blocks.hasPrefix("name    cellar\nsize    12\ndetail  a sensor"))
        #expect(table.csv.contains("cellar,12,a sensor"))
    }

    @Test func `an empty cell is null in JSON, and an instant is shown to the minute`() {
        var table = Table([.text("state"), .time("since")])
        table.addRow(["", "2026-11-28T19:22:47.701Z"])
        #expect(table.json == "[{\"state\":null,\"since\":\"2026-11-28T19:22:47.701Z\"}]\n")
        #expect(table.text(width: 80) == "state  since\n       2026-11-28 19:22Z\n")
    }

    @Test func `a table is written as CSV and as JSON`() {
        #expect(table.csv == "sensor,humidity_pct\ncellar,45.1\n\"roof, west\",\n")
        #expect(table.json == "[{\"sensor\":\"cellar\",\"humidity_pct\":45.1},{\"sensor\":\"roof, west\",\"humidity_pct\":null}]\n")
    }
    @Test func `a sparkline spans the range of its values and leaves gaps`() {
        #expect(Sparkline.text([0, nil, 7, 3.5], width: 10) == "▁ █▅")
        #expect(Sparkline.text([], width: 10).isEmpty)
    }
}
