import Console
import Testing

@Suite struct ArgumentsTests {
    private let options = [Arguments.Option("horizon", value: "D", ""), Arguments.Option("check", "")]

    @Test func `options come with a space, an equals sign, or alone`() throws {
        let arguments = try Arguments(["--horizon", "24h", "name", "--check"], options: options, positional: 0...1)
        #expect(try arguments.duration("horizon") == .seconds(86_400))
        #expect(arguments.has("check"))
        #expect(arguments.positional == ["name"])
        #expect(try Arguments(["--horizon=5d"], options: options, positional: 0...0).duration("horizon") == .seconds(432_000))
    }

    @Test(arguments: [
        (["--horizn", "3h"], "did you mean --horizon?"), (["--horizon"], "needs a value"), (["--check=1"], "takes no value"),
        (["a", "b"], "«b» is one word too many"),
        (["-x"], "two dashes"),
    ])
    func `wrong use says what was wrong`(words: [String], message: String) {
        let error = #expect(throws: WrongUse.self) { try Arguments(words[...], options: options, positional: 0...1) }
        #expect(error?.description.contains(message) == true)
    }

    @Test func `a duration and a number have to be right`() throws {
        let arguments = try Arguments(["--horizon", "soon"], options: options, positional: 0...0)
        #expect(throws: WrongUse.self) { try arguments.duration("horizon") }
        #expect(throws: WrongUse.self) { try arguments.integer("horizon", in: 1...5) }
    }

    @Test(.timeLimit(.minutes(1))) func `exit codes: 0 good, 1 failed, 2 wrong use`() async {
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
}

@Suite struct SettingsTests {
    @Test func `all problems are reported at once`() {
        var settings = Settings(environment: ["VAHO_A": "lots", "VAHO_LISTEN": "here", "VAHO_LISTNE": "1", "OTHER": "x"])
        _ = settings.integer("VAHO_A", default: 1, in: 1...10)
        _ = settings.endpoint("VAHO_LISTEN", default: Endpoint(address: "127.0.0.1", port: 1))
        let error = #expect(throws: WrongUse.self) { try settings.finish() }
        let text = error?.description ?? ""
        #expect(text.hasPrefix("3 settings are wrong:"))
        #expect(text.contains("VAHO_A=lots: expected a whole number from 1 to 10"))
        #expect(text.contains("VAHO_LISTEN=here"))
        #expect(text.contains("VAHO_LISTNE is not a setting: did you mean VAHO_LISTEN?"))
    }

    @Test func `the environment wins over the file, quotes and comments are understood`() throws {
        let file = try Settings.parse(file: Array("# c\n\nVAHO_A=1\nVAHO_B = \"two words\"\n".utf8), path: "f")
        var settings = Settings(environment: ["VAHO_A": "2"], file: file)
        #expect(settings.integer("VAHO_A", default: 0, in: 0...9) == 2)
        #expect(settings.text("VAHO_B", default: "") == "two words")
        try settings.finish()
        #expect(throws: WrongUse.self) { try Settings.parse(file: Array("what".utf8), path: "f") }
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
        table.row(["cellar", "45.1"])
        table.row(["roof, west", ""])
        return table
    }
    @Test func `columns line up, numbers to the right`() {
        #expect(table.text(width: 80) == "sensor      humidity_pct\ncellar              45.1\nroof, west\n")
    }
    @Test func `the same as CSV and as JSON`() {
        #expect(table.csv == "sensor,humidity_pct\ncellar,45.1\n\"roof, west\",\n")
        #expect(table.json == "[{\"sensor\":\"cellar\",\"humidity_pct\":45.1},{\"sensor\":\"roof, west\",\"humidity_pct\":null}]\n")
    }
    @Test func `a spark line spans its values and leaves gaps`() {
        #expect(Sparkline.text([0, nil, 7, 3.5], width: 10) == "▁ █▅")
        #expect(Sparkline.text([], width: 10).isEmpty)
    }
}
