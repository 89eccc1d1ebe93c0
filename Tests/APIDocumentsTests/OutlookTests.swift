import Foundation
import Forecasting
import Measures
import Observing
import Testing
import Text

@testable import APIDocuments
import Wire

/// A forecast with the given median at each lead time. `spread` is the distance of each level from the median.
private func forecast(
    medians: [Double], spread: [Double] = [-6, -4, -2, 0, 2, 4, 6], now: Double = 50, origin: Instant = Instant(ms: 1_800_000_000_000)
) -> QuantileForecast {
    let leads = medians.indices.map { Duration.seconds(($0 + 1) * 3_600) }
    return QuantileForecast(
        origin: origin, leadTimes: leads, humidity: medians.flatMap { median in spread.map { min(100, max(0, median + $0)) } }, temperature: nil,
        climatology: medians, skill: medians.map { _ in nil }, now: RelativeHumidity(percent: now), method: .network)
}

private let air = SensorName("air")
private func threshold(_ percent: Double, isAbove: Bool = true) -> HumidityThreshold {
    HumidityThreshold(rule: "limit", sensor: nil, isAbove: isAbove, percent: percent)
}

@Suite struct ExceedanceTests {
    private let levels = ForecastShape.levels

    @Test(arguments: [
        (50.0, true, 0.5, Exceedance.Bound.exact), (51, true, 0.375, .exact), (47, true, 0.825, .exact), (56, true, 0.05, .atMost),
        (43, true, 0.95, .atLeast), (50, false, 0.5, .exact), (43, false, 0.05, .atMost), (57, false, 0.95, .atLeast),
    ])
    func `probability is linear between quantiles, and bounded beyond them`(
        percent: Double, isAbove: Bool, probability: Double, bound: Exceedance.Bound
    ) {
        let found = Exceedance(of: threshold(percent, isAbove: isAbove), values: [44, 46, 48, 50, 52, 54, 56], levels: levels)
        #expect((found.probability - probability).magnitude < 1e-9 && found.bound == bound, "\(found)")
    }

    @Test func `when quantiles coincide, the outlook claims the lower probability`() {
        let saturated = [90, 95, 100, 100, 100, 100, 100.0]
        let above = Exceedance(of: threshold(100), values: saturated, levels: levels)
        #expect(above.bound == .atMost && above.probability <= 0.05 + 1e-9)  // nothing is above 100 %
        let below = Exceedance(of: threshold(100, isAbove: false), values: saturated, levels: levels)
        #expect((below.probability - 0.25).magnitude < 1e-9)
    }
}

@Suite struct OutlookTests {
    /// 2027-01-15T08:00:00Z, and 20:00 on the same day.
    private let morning = Instant(ms: 1_800_000_000_000)
    private var evening: Instant { morning + .seconds(12 * 3_600) }

    private func text(_ forecast: QuantileForecast, _ thresholds: [HumidityThreshold], now: Instant, offset: Duration = .zero) throws -> String {
        OutlookText.text(forecast, thresholds, sensor: try #require(air), .ok, step: .seconds(3_600), now: now, offset: offset)
    }

    @Test func `the outlook says when a threshold is crossed, for how long and with what probability`() throws {
        let medians = [48, 49, 54, 56, 54, 50] + [Double](repeating: 48, count: 18)
        let made = forecast(medians: medians, origin: evening)
        #expect(
            try text(made, [threshold(53.5)], now: evening)
                == "Tonight 44 to 60 %. Above 53.5 % is likely from 23:00 for 3 h (75 %).")
        // The reader's clock is one hour ahead.
        #expect(try text(made, [threshold(53.5)], now: evening, offset: .seconds(3_600)).contains("likely from 00:00 for 3 h"))
    }

    @Test func `a threshold outside all quantiles is reported as not crossed`() throws {
        let calm = forecast(medians: [Double](repeating: 50, count: 24), origin: morning)
        #expect(
            try text(calm, [threshold(60)], now: morning)
                == "Today 46 to 54 %. No threshold will be crossed in the next 24 h (less than 5 % likely at any time).")
        #expect(try text(calm, [], now: morning) == "Today 46 to 54 %. No threshold is set.")
        #expect(try text(calm, [threshold(55)], now: morning).contains("Above 55 % is possible from 09:00 for the rest of the next 24 h (7 %)"))
    }

    @Test func `a threshold that is crossed now is reported with its expected end`() throws {
        let falling = forecast(medians: [62, 61, 58, 55] + [Double](repeating: 50, count: 20), now: 63, origin: evening)
        #expect(try text(falling, [threshold(60)], now: evening).hasSuffix("Above 60 % now, likely until 23:00 (75 %)."))
        let ending = forecast(medians: [Double](repeating: 40, count: 24), now: 63, origin: evening)
        #expect(try text(ending, [threshold(60)], now: evening).hasSuffix("Above 60 % now, likely to end soon."))
        let staying = forecast(medians: [Double](repeating: 30, count: 24), now: 30, origin: evening)
        #expect(
            try text(staying, [threshold(40, isAbove: false)], now: evening).hasSuffix("Below 40 % now, likely for the next 24 h (over 95 %)."))
    }

    @Test func `a failing sensor or an old forecast gives no outlook`() throws {
        let made = forecast(medians: [Double](repeating: 50, count: 24), origin: morning)
        let name = try #require(air)
        let failing = SensorCondition(.failing, since: morning)
        let words = OutlookText.text(made, [threshold(60)], sensor: name, failing, step: .seconds(600), now: morning, offset: .zero, zone: " UTC")
        #expect(words == "No outlook: the sensor is failing since 2027-01-15 08:00 UTC.")
        let late = OutlookText.text(made, [threshold(60)], sensor: name, .ok, step: .seconds(600), now: morning + .seconds(1_801), offset: .zero)
        #expect(late == "No outlook: the newest forecast is too old, of 2027-01-15 08:00.")
        let none = OutlookText.text(nil, [], sensor: name, .ok, step: .seconds(600), now: morning, offset: .zero)
        #expect(none == "No forecast yet. The first one follows the first observation.")
    }

    @Test func `another sensor's threshold is ignored`() throws {
        let made = forecast(medians: [Double](repeating: 50, count: 24), origin: morning)
        let other = HumidityThreshold(rule: "limit", sensor: SensorName("attic"), isAbove: true, percent: 10)
        #expect(try text(made, [other], now: morning).hasSuffix("No threshold is set."))
    }

    @Test(arguments: [(3, "Tonight", 6), (4, "Today", 18), (14, "Today", 18), (15, "Tonight", 30), (23, "Tonight", 30)])
    func `the outlook period is Today or Tonight, depending on the hour`(hour: Int64, name: String, end: Int64) {
        let midnight = Instant(ms: 1_799_971_200_000)
        let period = OutlookText.period(at: midnight + .seconds(hour * 3_600 + 60), .zero)
        #expect(period.name == name && period.until == midnight + .seconds(end * 3_600))
    }

    /// Real recordings: a winter bathroom, an attic and an airport. The test checks each outlook against the quantiles it was made from.
    @Test(arguments: ["bathroom", "attic", "airport"])
    func `on real series the outlook claims no more than the quantiles support`(series: String) throws {
        let lines = try String(contentsOfFile: "deploy/demo/\(series).csv", encoding: .utf8).split(separator: "\n")
        let csv = try SeriesCSV(header: lines[0])
        let rows = try lines.dropFirst().enumerated().map { try csv.row($1, line: $0 + 2) }
        let grid = TimeGrid(takenAt: rows.prefix(100).map { Instant(ms: $0.takenAtMs) })
        var forecaster = AdaptiveForecaster(grid: grid, network: nil)
        var verdicts: Set<String> = []
        let name = try #require(air)
        for (place, row) in rows.prefix(1_680).enumerated() {
            guard let percent = row.humidityPct else { continue }
            let at = Instant(ms: row.takenAtMs)
            forecaster.observe(
                Observation(validAt: at, humidity: RelativeHumidity(percent: percent), temperature: row.temperatureC.map(Temperature.init(celsius:))))
            guard place > 400, place % 23 == 0, let made = forecaster.forecast() else { continue }
            let now = at + .seconds(60)
            for limit in stride(from: 20.0, through: 95, by: 7.5) {
                for isAbove in [true, false] {
                    let asked = threshold(limit, isAbove: isAbove)
                    let outlook = Outlook(made, thresholds: [asked], of: name, now: now)
                    let prospect = try #require(outlook.prospects.first)
                    check(prospect, made, now)
                    verdicts.insert(prospect.verdict.name)
                    let words = OutlookText.text(outlook, offset: .zero)
                    #expect(words.contains("No threshold will be crossed") == (prospect.verdict == .unlikely && !prospect.isBeyondNow))
                }
            }
        }
        #expect(verdicts == ["likely", "possible", "unlikely"])
    }

    private func check(_ prospect: Outlook.ThresholdOutlook, _ forecast: QuantileForecast, _ now: Instant) {
        let last = ForecastShape.levels.count - 1
        for lead in forecast.leadTimes.indices {
            let at = forecast.origin + forecast.leadTimes[lead]
            guard at > now, at <= now + Outlook.window else { continue }
            let (lowest, median, highest) = (
                forecast.humidity(lead: lead, level: 0), forecast.median(lead: lead), forecast.humidity(lead: lead, level: last)
            )
            let (threshold, isAbove) = (prospect.threshold.percent, prospect.threshold.isAbove)
            let isInside = prospect.from.map { at >= $0 && at < prospect.until ?? Instant(ms: .max) } ?? false
            switch prospect.verdict {
            case .unlikely: #expect(isAbove ? highest <= threshold : lowest >= threshold)
            case .possible: #expect(isAbove ? median < threshold + 1e-9 : median > threshold - 1e-9)
            case .likely: if isInside { #expect(isAbove ? median >= threshold - 1e-9 : median <= threshold + 1e-9) }
            }
        }
        // The quantiles give at least the stated probability somewhere in the spell.
        guard let from = prospect.from else { return }
        let best = forecast.leadTimes.indices.filter { lead in
            let at = forecast.origin + forecast.leadTimes[lead]
            return at >= from && at < prospect.until ?? now + Outlook.window + .milliseconds(1)
        }.map { lead -> Double in
            let row = lead * ForecastShape.levels.count
            return Exceedance(
                of: prospect.threshold, values: forecast.humidity[row..<(row + ForecastShape.levels.count)], levels: ForecastShape.levels
            ).probability
        }.max()
        #expect((best ?? 0) >= prospect.peak.probability)
    }
}
