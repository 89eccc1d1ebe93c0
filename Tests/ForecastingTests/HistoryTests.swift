import Forecasting
import Measures
import Observing
import Testing

func observation(_ hour: Double, _ percent: Double, _ celsius: Double? = nil) -> Observation {
    Observation(
        validAt: Instant(ms: Int64(hour * 3_600_000)), humidity: RelativeHumidity(percent: percent),
        temperature: celsius.map(Temperature.init(celsius:)))
}

/// Hourly observations: a daily wave, a slow wave and noise.
func series(days: Int, seed: UInt64 = 1, temperature: Bool = true) -> [Observation] {
    var random = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    var level = 55.0
    return (1...(24 * days)).map { hour in
        random ^= random << 13
        random ^= random >> 7
        random ^= random << 17
        level += Double(Int64(random >> 33) % 2_001 - 1_000) / 1_000
        level = 55 + (level - 55) * 0.98
        let phase = Double(hour % 24)
        let wave = phase < 12 ? phase : 24 - phase
        return observation(Double(hour), min(100, max(0, level + wave)), temperature ? 10 + wave / 2 : nil)
    }
}

@Suite struct HistoryTests {
    @Test func `on a fine grid an empty bin holds the last value for 60 minutes, then stays empty`() {
        var history = History(grid: .fine)
        history.append(observation(0, 40))
        history.append(observation(2, 50))  // 12 bins later
        #expect(history.humidity(lag: 0) == 50)
        #expect((7...11).allSatisfy { history.humidity(lag: $0) == 40 })
        #expect((1...6).allSatisfy { history.humidity(lag: $0).isNaN })
        #expect(history.humidity(lag: 12) == 40)
    }

    @Test func `an hourly gap stays empty, and an observation that is not newer is ignored`() {
        var history = History(grid: .hourly)
        history.append(observation(1, 40))
        history.append(observation(4, 50))
        #expect(history.humidity(lag: 1).isNaN)
        #expect(history.humidity(lag: 3) == 40)
        let wasTaken = history.append(observation(4, 60))
        #expect(!wasTaken)
        #expect(history.humidity(lag: 0) == 50)
        #expect(history.humidity(lag: -1).isNaN)
        #expect(history.humidity(lag: 99_999).isNaN)
    }

    @Test func `a gap longer than the ring leaves no earlier value`() {
        var history = History(grid: .hourly)
        history.append(observation(1, 40))
        history.append(observation(1_000, 50))
        #expect(history.humidity(lag: 0) == 50)
        #expect((1..<history.capacity).allSatisfy { history.humidity(lag: $0).isNaN })
    }
}

@Suite struct ForecastShapeTests {
    @Test func `a fine grid has 54 lead times, and 44 of them are whole hours`() {
        let fine = ForecastShape.leadTimes(on: .fine)
        #expect(fine.count == 54)
        #expect(fine == fine.sorted())
        #expect(fine.last == .seconds(432_000))
        let hourly = ForecastShape.leadTimes(on: .hourly)
        #expect(hourly.count == 44)
        #expect(hourly.allSatisfy { $0.wholeSeconds % 3_600 == 0 })
        #expect(Set(ForecastShape.scored).isSubset(of: Set(hourly)))
    }
}
