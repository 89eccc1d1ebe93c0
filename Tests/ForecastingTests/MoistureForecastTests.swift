import Forecasting
import Measures
import Psychrometrics
import Testing

@Suite struct MoistureForecastTests {
    private let origin = Instant(ms: 1_790_000_400_000)

    private func forecast(humidity: Double, temperature: Double?) -> QuantileForecast {
        let leads: [Duration] = [.seconds(3_600), .seconds(21_600), .seconds(86_400)]
        return QuantileForecast(
            origin: origin, leadTimes: leads, humidity: leads.flatMap { _ in ForecastShape.levels.map { humidity + $0 - 0.5 } },
            temperature: temperature.map { celsius in leads.map { _ in celsius } }, climatology: leads.map { _ in 50 }, skill: leads.map { _ in nil },
            now: RelativeHumidity(percent: 50), method: .network)
    }

    @Test func `vapour pressure, dew point and wall humidity follow the median air at each lead time`() {
        let cold = origin + .seconds(86_400)
        let ahead = MoistureForecast(forecast(humidity: 50, temperature: 20)) { Temperature(celsius: $0 == cold ? 9.26 : 20) }
        // Half of WMO's 23.37 hPa at 20 °C; the dew point by the Magnus form.
        #expect(ahead.water.allSatisfy { abs(($0?.vapourPressure ?? 0) - 1_168.5) < 3 && abs(($0?.dewPoint.celsius ?? 0) - 9.26) < 0.01 })
        #expect(ahead.surfaceHumidity?.map { ($0?.percent ?? 0).rounded() } == [50, 50, 100])
        #expect(ahead.mould == nil)
    }

    @Test func `mould growth continues from its current index, and one day ahead equals 24 hours of the same air`() throws {
        var now = MouldIndex()
        let (air, humidity) = (Temperature(celsius: 22), RelativeHumidity(percent: 97))
        for _ in 0..<20 { now.advance(air, humidity, for: .seconds(86_400)) }
        var then = now
        for _ in 0..<24 { then.advance(air, humidity, for: .seconds(3_600)) }
        let ahead = try #require(MoistureForecast(forecast(humidity: 97, temperature: 22), mould: now).mould)
        #expect(ahead.count == 3 && ahead[0].value > now.value && abs(ahead[2].value - then.value) < 0.01)
    }

    /// A room of 60 % at 20 °C, where mould cannot grow; its wall at 12 °C is saturated.
    @Test func `mould grows at a wall that is colder than the air`() throws {
        let forecast = forecast(humidity: 60, temperature: 20)
        #expect(MoistureForecast(forecast, mould: MouldIndex()).mould?.last?.value == 0)
        let there = try #require(MoistureForecast(forecast, mould: MouldIndex()) { _ in Temperature(celsius: 12) }.mould?.last)
        #expect(there.value > 0)
    }

    @Test func `without a temperature there is no moisture forecast`() {
        let ahead = MoistureForecast(forecast(humidity: 50, temperature: nil), mould: MouldIndex()) { _ in Temperature(celsius: 9) }
        #expect(ahead.water.allSatisfy { $0 == nil } && ahead.mould == nil && ahead.surfaceHumidity?.allSatisfy { $0 == nil } == true)
    }
}
