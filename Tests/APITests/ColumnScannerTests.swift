@testable import API
import Foundation
import Testing
import Wire

@Suite struct ColumnScannerTests {
    private let plain = #"""
        {"version":1,"epoch":"00000000000000aa","first":7,"sensors":["ce\"l]lar","roof"],"sensor":[0,1],"taken_at_ms":[1600000000000, -5],
         "humidity_mpct":[null,45000],"boot":[],"records":[{"sequence":9,"kind":"hole","sensor":[1,2]}],"report":null}
        """#

    @Test func `columns are taken out, and everything else is left`() throws {
        let scanned = try #require(ColumnScanner.scan(Array(plain.utf8)))
        #expect(scanned.columns.keys.sorted() == ["boot", "humidity_mpct", "sensor", "taken_at_ms"])
        #expect(try scanned.columns["taken_at_ms"]?.value(1, "taken_at_ms", as: Int64.self) == -5)
        #expect(try scanned.columns["humidity_mpct"]?.value(0, "humidity_mpct", as: Int32.self) == nil)
        let rest = String(decoding: scanned.rest, as: UTF8.self)
        #expect(rest.contains(#""sensor":[],"taken_at_ms":[],"#))
        #expect(rest.contains(#""sensor":[1,2]"#), "a column's name inside a record is not a column")
        #expect(rest.contains(#"["ce\"l]lar","roof"]"#))
    }

    @Test(arguments: [
        "", "{", "[]", "{}", #"{"sensor":[1.5]}"#, #"{"sensor":[1e3]}"#, #"{"sensor":[01]}"#, #"{"sensor":[-]}"#, #"{"sensor":[1,]}"#,
        #"{"sensor":["1"]}"#, #"{"sensor":[nul]}"#, #"{"sensor":[1"#, #"{"sensor":[99999999999999999999]}"#, #"{"sensor":[1],"sensor":[2]}"#,
        #"{"sensor":[[1]]}"#, #"{"sensor":[1}"#, #"{"sensor" [1]}"#, #"{"a\"#, #"{"a":"b\"#, #"{"a":{"b":1}"#,
    ])
    func `anything that is not plain is left to the decoder`(text: String) { #expect(ColumnScanner.scan(Array(text.utf8)) == nil) }

    @Test func `the scanner and the decoder read the same batch`() throws {
        for seed in 0..<50 as Range<UInt64> {
            var random = Seeded(state: seed)
            let count = Int.random(in: 0...40, using: &random)
            func column(_ values: () -> Int64?) -> String {
                "["
                    + (0..<count).map { _ in values().map(String.init) ?? "null" }.joined(
                        separator: [",", " , ", ",\n"].randomElement(using: &random) ?? ",") + "]"
            }
            let times = column { Int64.random(in: -(1 << 53)...(1 << 53), using: &random) }
            let humidity = column { Bool.random(using: &random) ? nil : Int64.random(in: -5...100_000, using: &random) }
            let text = """
                {"version":1,"epoch":"00000000000000aa","first":1,"sensors":["a"],"sensor":\(column { 0 }),"taken_at_ms":\(times),
                "humidity_mpct":\(humidity),"records":[{"sequence":\(count + 1),"kind":"sensor","sensor":"a","type":"simulated","step_s":600}]}
                """
            let scanned = try BatchJSON.batch(Array(text.utf8))
            // The decoder alone reads a batch in which a name is escaped.
            let escaped = text.replacingOccurrences(of: "\"sensor\":[", with: "\"s\\u0065nsor\":[").replacingOccurrences(
                of: "\"taken_at_ms\"", with: "\"taken\\u005fat_ms\""
            ).replacingOccurrences(of: "\"humidity_mpct\"", with: "\"humidity\\u005fmpct\"")
            #expect(try scanned.binary() == BatchJSON.batch(Array(escaped.utf8)).binary())
        }
    }

    private struct Seeded: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 29
        }
    }
}
