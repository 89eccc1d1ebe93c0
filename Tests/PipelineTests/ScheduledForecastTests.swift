import ArchiveExamples
import Examples
import Forecasting
import Measures
import Runtime
import Testing
import Wire

@testable import Archive
@testable import Pipeline

@Suite(.timeLimit(.minutes(1))) struct ScheduledForecastTests {
    private let fleet = FleetExample()
    private let start = Instant(ms: 1_700_000_400_000)
    private let log = Log("test", minimumLevel: .error)

    @Test func `forecasts are stored at the times of a schedule, once, get their observations, and are deleted when old`() async throws {
        let clock = ManualClock(wall: start)
        let archive = try await fleet.open()
        let attic = try await fleet.addDevice(archive, "attic", at: start)
        let cellar = try await fleet.addDevice(archive, "cellar", at: start)
        try await fleet.send(archive, attic, count: 1_000, at: start)
        try await fleet.send(archive, cellar, count: 100, at: start - .seconds(86_400))  // has stopped
        let schedule = try #require(CalendarSchedule("*/10 * * * *"))
        let service = ScheduledForecasts(
            archive: archive, forecasts: FleetForecasts(reader: archive), schedule: schedule, retention: .seconds(86_400), clock: clock.serviceClock,
            log: log)
        try await clock.running(service) {
            await clock.advance(.seconds(60))
            #expect(try await archive.storedForecasts().isEmpty, "the first look only stores the next time of the schedule")
            await clock.advance(.seconds(540), .seconds(60))
            let first = try await archive.storedForecasts()
            #expect(first == ["attic 1700000400000 1", "attic 1700000400000 120"])
            try await fleet.send(archive, attic, at: start + .seconds(600))
            await clock.advance(.seconds(600))
            #expect(try await archive.storedForecasts().count == 4, "one forecast for each time, and none for the stopped sensor")

            let errors = try await archive.forecastErrors(of: nil, since: start - .seconds(86_400))
            #expect(errors.isEmpty, "no target has come")
            for hour in 1...2 as ClosedRange<Int64> {
                try await fleet.send(archive, attic, count: 6, at: start + .seconds(600 + hour * 3_600))
            }
            let scored = try await archive.forecastErrors(of: nil, since: start - .seconds(86_400))
            #expect(scored.map(\.lead) == [.seconds(3_600)] && (scored.first?.targets ?? 0) >= 1)
            let own = try await archive.device(named: attic)
            #expect(try await archive.forecastErrors(of: own, since: start - .seconds(86_400)).first?.device == "attic")
            #expect(try await archive.forecastErrors(of: own, since: start + .seconds(86_400)).isEmpty)
            await clock.advance(.seconds(3 * 86_400))
            #expect(try await archive.storedForecasts().isEmpty)
        }
    }

    @Test func `a forecast as of a past time uses no later observation`() async throws {
        let archive = try await fleet.open()
        let attic = try await fleet.addDevice(archive, "attic", at: start)
        try await fleet.send(archive, attic, count: 1_000, at: start)
        let before = try await FleetForecasts(reader: archive).forecast(try #require(try await archive.sensors().first))
        try await fleet.send(archive, attic, count: 300, at: start + .seconds(300 * 600))
        let sensor = try #require(try await archive.sensors().first)
        let forecasts = FleetForecasts(reader: archive)
        let then = try #require(try await forecasts.forecast(sensor, asOf: start))
        #expect(then.forecast == before?.forecast && then.forecast.origin <= start)
        let now = try #require(try await forecasts.forecast(sensor))
        #expect(now.forecast.origin > start && now.forecast != then.forecast)
        #expect(try await forecasts.forecast(sensor, asOf: start - .seconds(40 * 86_400)) == nil)
    }
}

extension Archive {
    /// Device, origin and lead time in hours of the first and the last lead time of each stored forecast.
    fileprivate func storedForecasts() throws -> [String] {
        try database.rows(
            "SELECT device, origin_ms, lead_s FROM forecast WHERE level = 0.5 AND lead_s IN (3600, 432000) ORDER BY origin_ms, lead_s"
        ).map { "\($0.text(0)) \($0.integer(1)) \($0.integer(2) / 3_600)" }
    }
}
