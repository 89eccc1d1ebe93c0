import Evaluation
import Examples
import Forecasting
import Foundation
import Measures
import Observing
@testable import Pipeline
import Testing
import Text

@Suite struct BacktestTests {
    private let folder = FileManager.default.temporaryDirectory.path + "/vaho-backtest-\(UInt64.random(in: 0...(.max)))"

    private func write(_ name: String, _ text: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
    }

    private func series(poisonedAfter hour: Int = .max) -> String {
        "time,humidity_pct,temperature_c\n"
            + (0..<900).map { i in
                let percent = i > hour ? 1.0 : 50 + Double((i * 7 + i / 24) % 19) + (i % 24 < 12 ? 5 : 0)
                return "\(RFC3339.format(ms: 1_600_000_200_000 / 3_600_000 * 3_600_000 + Int64(i) * 3_600_000)),\(percent),20\n"
            }.joined()
    }

    private func lines(_ network: Network? = nil, history: Duration? = nil) async throws -> [String] {
        let origins = try Backtest.origins(fromFile: folder + "/origins.csv")
        let backtest = Backtest(folder: folder, origins: origins, leadTimes: [.seconds(3_600), .seconds(86_400)], network: network, history: history)
        let made = try await backtest.replay("s")
        #expect(made.missing == 0)
        return backtest.lines(of: made).split(separator: "\n").map(String.init)
    }

    @Test(arguments: [nil, anyNetwork()]) func `values after an origin do not change its forecast`(network: Network?) async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let at = RFC3339.format(ms: 1_600_000_200_000 / 3_600_000 * 3_600_000 + 700 * 3_600_000)
        try write("origins.csv", "series,origin_time\ns,\(at)\n")
        try write("s.csv", series())
        let clean = try await lines(network)
        #expect(clean.count == 2)
        #expect(clean.allSatisfy { $0.hasPrefix("s,\(at),") && $0.split(separator: ",").count == 6 })
        try write("s.csv", series(poisonedAfter: 700))
        #expect(try await lines(network) == clean)
        try write("s.csv", series(poisonedAfter: 699))
        #expect(try await lines(network) != clean)
    }

    @Test func `with a history of one week an origin sees only that week`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let at: Int64 = 1_600_000_200_000 / 3_600_000 * 3_600_000 + 700 * 3_600_000
        try write("origins.csv", "series,origin_time\ns,\(RFC3339.format(ms: at))\n")
        try write("s.csv", series())
        let young = try await lines(history: .seconds(7 * 86_400))
        #expect(try await lines() != young)
        let week = series().split(separator: "\n").dropFirst()
        try write(
            "s.csv", (["time,humidity_pct,temperature_c"] + week[week.startIndex + 700 - 167...week.startIndex + 700]).joined(separator: "\n") + "\n")
        #expect(try await lines() == young)
    }

    @Test func `an error in a file names the wrong line`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try write("origins.csv", "series,origin_time\ns,yesterday\n")
        let origins = #expect(throws: InputFileError.self) { try Backtest.origins(fromFile: folder + "/origins.csv") }
        #expect(origins?.line == 2)
        try write("origins.csv", "series,origin_time\ns,2020-09-13T00:00:00Z\n")
        try write("s.csv", "time,humidity_pct\n2020-09-13T00:00:00Z,wet\n")
        let series = await #expect(throws: InputFileError.self) { try await lines() }
        #expect(series?.description.contains("s.csv: line 2") == true)
        try write("origins.csv", "series,origin_time\n../etc/passwd,2020-09-13T00:00:00Z\n")
        let path = #expect(throws: InputFileError.self) { try Backtest.origins(fromFile: folder + "/origins.csv") }
        #expect(path?.problem.contains("is not a series name") == true)
    }
}

@Suite struct BacktestReportTests {
    /// Hourly observations: 40 % by night, 60 % from noon, and 10 % more on every third day.
    private static func observations(days: Int, without left: Set<Int> = []) -> [Observation] {
        (0..<(24 * days)).filter { !left.contains($0) }.map { hour in
            let percent = (hour % 24 < 12 ? 40.0 : 60) + (hour / 24 % 3 == 2 ? 10 : 0)
            return Observation(validAt: Instant(ms: Int64(hour) * 3_600_000), humidity: RelativeHumidity(percent: percent), temperature: nil)
        }
    }

    /// At one and 24 hours: a median of 50 ± 5 (quartiles), ± 15 (80 %), ± 20.
    private static func forecast(_ hour: Int, now: Double) -> QuantileForecast {
        let quantiles: [Double] = [30, 35, 45, 50, 55, 65, 70]
        return QuantileForecast(
            origin: Instant(ms: Int64(hour) * 3_600_000), leadTimes: [.seconds(3_600), .seconds(86_400)], humidity: quantiles + quantiles,
            temperature: nil, climatology: [45, 45], skill: [nil, nil], now: RelativeHumidity(percent: now), method: .network)
    }

    private static func report(_ name: String = "s", hours: [Int], without left: Set<Int> = []) -> BacktestReport {
        let observations = observations(days: 12, without: left)
        var replayed = Backtest.Replay(name: name, grid: .hourly, observations: observations)
        let values = Dictionary(uniqueKeysWithValues: observations.map { ($0.validAt.ms / 3_600_000, $0.humidity.percent) })
        replayed.forecasts = hours.map { forecast($0, now: values[Int64($0)] ?? .nan) }
        var report = BacktestReport(leadTimes: [.seconds(3_600), .seconds(86_400)])
        report.add(replayed)
        return report
    }

    @Test func `scores equal the values computed by hand`() throws {
        // From 05:00 of the second day (40 %): 40 an hour later, 50 a day later. From 11:00 of the third (50 %): 70, then 40.
        let report = BacktestReportTests.report(hours: [29, 59])
        let hour = try #require(report.series.first?.scores[.seconds(3_600)]), day = try #require(report.series.first?.scores[.seconds(86_400)])
        #expect(hour.count == 2 && hour.meanAbsoluteError == 15)  // |50 − 40| and |50 − 70|
        // Persistence: 0 and 20. Seasonal naive, as at 06:00 and 12:00 of the day before: 0 and 10.
        #expect(hour.relativeError == 30.0 / 10 && hour.skillOverPersistence == 1 - 30.0 / 20 && hour.skillOverSeasonalNaive == 1 - 30.0 / 10)
        #expect(hour.skillOverClimatology == 0)  // |45 − 40| + |45 − 70| = 30
        #expect(hour.coverage == 0.5)
        #expect(hour.reliability == [0, 0, 0.5, 0.5, 0.5, 0.5, 1])
        // Bracher et al.: the first value lies within the interval, the second 5 above it.
        let first = 0.5 * 10 + 0.1 * 30, second = 0.5 * 20 + 0.1 * (30 + 10 * 5)
        let score = try #require(hour.meanWeightedInterval)
        #expect((score - (first + second) / 1.5 / 2).magnitude < 1e-12)
        #expect(day.meanAbsoluteError == 5)  // |50 − 50| and |50 − 40|
        #expect(report.geometricMean(at: .seconds(3_600), \.relativeError).map { ($0 - 3).magnitude < 1e-12 } == true)
        #expect(report.mean(at: .seconds(10_800), \.relativeError) == nil)
    }

    @Test func `an unobserved target is not scored, and a gap on the day before is filled from the hour before the gap`() throws {
        let report = BacktestReportTests.report(hours: [29, 59], without: [30, 36])
        let hour = try #require(report.series.first?.scores[.seconds(3_600)])
        #expect(hour.count == 1 && hour.meanAbsoluteError == 20)
        #expect(hour.skillOverSeasonalNaive == 1 - 20.0 / 30)  // the value at 11:00 of the day before, an hour earlier, was 40, not 60
    }

    @Test func `the page is complete, needs no other file, and escapes names`() throws {
        let report = BacktestReportTests.report("<b>&\"attic\"", hours: Array(24..<200))
        let html = BacktestPage(report, method: "A <method>").html
        for words in [
            "Skill against lead time", "Reliability", "Best forecasts", "Worst forecasts", "A &lt;method&gt;",
            "&lt;b&gt;&amp;&quot;attic&quot;",
        ] {
            #expect(html.contains(words), "\(words)")
        }
        #expect(!html.contains("<b>") && !html.contains("nan") && !html.contains("src=") && !html.contains("href=") && !html.contains("http"))
        #expect(html.components(separatedBy: "<svg ").count == 1 + 4)
        // The coordinates of the plots lie within their frames.
        for points in html.components(separatedBy: "points=\"").dropFirst() {
            for pair in points.prefix(while: { $0 != "\"" }).split(separator: " ") {
                let numbers = pair.split(separator: ",").compactMap { Double($0) }
                #expect(numbers.count == 2 && (0...620).contains(numbers[0]) && (0...360).contains(numbers[1]))
            }
        }
    }

    @Test func `a combining mark after a character does not prevent the escaping of the character`() {
        let html = BacktestPage(BacktestReportTests.report("\"\u{301} onload=\u{27}x\u{27} <\u{338}b>", hours: Array(24..<200)), method: "M").html
        #expect(html.range(of: "<\u{338}", options: .literal) == nil)
        #expect(html.range(of: "&lt;\u{338}b&gt;", options: .literal) != nil)
        #expect(html.range(of: "\"\u{301}", options: .literal) == nil)
    }

    @Test func `a series without scores does not remove the plots of other series`() throws {
        var report = BacktestReportTests.report(hours: Array(24..<200))
        report.add(Backtest.Replay(name: "silent", grid: .hourly, observations: BacktestReportTests.observations(days: 2)))
        let html = BacktestPage(report, method: "M").html
        #expect(html.contains("2 series, 176 origins") && html.contains("silent"))
        #expect(html.contains("aria-label=\"Skill against lead time\""))
    }

    @Test func `a constant series has no ratio`() throws {
        var replayed = Backtest.Replay(
            name: "s", grid: .hourly,
            observations: (0..<100).map {
                Observation(validAt: Instant(ms: Int64($0) * 3_600_000), humidity: RelativeHumidity(percent: 53.3), temperature: nil)
            })
        replayed.forecasts = (30..<60).map { BacktestReportTests.forecast($0, now: 53.3) }
        var report = BacktestReport(leadTimes: [.seconds(3_600)])
        report.add(replayed)
        let score = try #require(report.series.first?.scores[.seconds(3_600)])
        #expect(score.relativeError == nil && score.skillOverPersistence == nil && score.meanAbsoluteError != nil)
    }

    @Test func `a report without forecasts still gives a page`() {
        let html = BacktestPage(BacktestReportTests.report(hours: []), method: "None").html
        #expect(html.contains("1 series, 0 origins") && !html.contains("nan"))
    }
}
