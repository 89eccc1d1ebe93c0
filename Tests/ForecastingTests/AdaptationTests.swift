import Examples
@testable import Forecasting
import Measures
import Observing
import Testing

private struct Chance {
    var state: UInt64
    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }
    /// From −1 to 1.
    mutating func next() -> Float {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Float(state >> 40) / 8_388_608 - 1
    }
}

@Suite struct ResidualRidgeTests {
    /// Trains on the given number of days of hourly rows, with the residual 0.5 · first − 0.3 · second plus noise.
    private func taught(days: Int, penalty: Double = 1, outliers: Bool = false) -> ResidualRidge {
        var ridge = ResidualRidge(width: 3, penalty: penalty, rowsPerDay: 24, overlap: 1)
        var chance = Chance(4)
        for hour in 0..<(24 * days) {
            let inputs = [chance.next(), chance.next(), 1]
            var residual = 0.5 * inputs[0] - 0.3 * inputs[1] + 0.1 * chance.next()
            if outliers, hour % 20 == 0 { residual = 3 }
            ridge.add(inputs, residual: residual, corrected: ridge.correction(inputs))
            if hour % 24 == 0 { ridge.solve(minimumRows: 72) }
        }
        return ridge
    }

    @Test func `a residual that depends on the inputs is learnt`() {
        let ridge = taught(days: 60)
        #expect((ridge.correction([1, 0, 0]) - 0.5).magnitude < 0.03)
        #expect((ridge.correction([0, 1, 0]) + 0.3).magnitude < 0.03 && ridge.correction([0, 0, 1]).magnitude < 0.03)
    }

    @Test func `outliers have little influence`() {
        #expect(taught(days: 60, outliers: true).correction([0, 0, 1]).magnitude < 0.08)  // their mean alone would give 0.15
    }

    @Test func `with few rows or a strong penalty the correction stays near zero`() {
        #expect(taught(days: 3).correction([1, 1, 1]) == 0)
        #expect(taught(days: 60, penalty: 1e6).correction([1, -1, 1]).magnitude < 0.03)
    }

    @Test func `a relation from a year ago is forgotten`() {
        var ridge = taught(days: 100)
        for _ in 0..<365 {
            for hour in 0..<24 {
                let inputs: [Float] = [Float(hour) / 12 - 1, 0.2, 1]
                ridge.add(inputs, residual: 0, corrected: ridge.correction(inputs))
            }
            ridge.solve(minimumRows: 72)
        }
        #expect(ridge.correction([1, 0.2, 1]).magnitude < 0.02)
    }
}

@Suite struct ChosenPenaltyTests {
    /// Hourly rows of 8 inputs; the residual follows one of them or none.
    private func correction(follows: Bool, penalty: Double) -> Float {
        var ridge = ResidualRidge(width: 8, penalty: penalty, rowsPerDay: 24, overlap: 1)
        var chance = Chance(8)
        for hour in 0..<(24 * 40) {
            let inputs = (0..<8).map { _ in chance.next() }
            let residual = (follows ? inputs[0] : 0) + 0.5 * chance.next()
            ridge.add(inputs, residual: residual, corrected: ridge.correction(inputs))
            if hour % 24 == 0 { ridge.solve(minimumRows: 72) }
        }
        return ridge.correction([1, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test func `if the strong penalty hides a real relation, the weak one is used, and without a relation the correction is near zero`() {
        // A sum of squares of about 200 against a penalty of 1,000 or 150 (both larger at 40 days) gives 0.06 with the strong penalty, 0.4 with the
        // weak.
        let found = correction(follows: true, penalty: 1_000)
        #expect(found > 0.2, "\(found)")
        #expect(correction(follows: false, penalty: 1_000).magnitude < 0.05)
    }
}

@Suite struct ShortHistoryDampingTests {
    @Test func `a device of one day is damped most at the shortest lead times, and a device of one month not at all`() {
        let (hour, half, day) = (ShortHistoryDamping(hours: 1), ShortHistoryDamping(hours: 12), ShortHistoryDamping(hours: 24))
        #expect(hour.departureFactor(days: 1) == 0.72 && half.departureFactor(days: 1) == 0.88 && day.departureFactor(days: 1) == 1)
        for damping in [hour, half, day] {
            let kept = stride(from: Float(0), through: 30, by: 0.5).map { damping.departureFactor(days: $0) }
            #expect(kept == kept.sorted() && kept.last == 1)
            let wide = stride(from: Float(2), through: 30, by: 0.5).map { damping.widening(days: $0) }
            #expect(wide == wide.sorted(by: >) && wide.allSatisfy { (1...1.1).contains($0) })
        }
    }
}

@Suite struct NoChangeGateTests {
    @Test func `the gate predicts no change for constant air, and passes forecasts that the air follows`() {
        var still = NoChangeGate(rowsPerDay: 24, overlap: 1)
        var lively = still
        var chance = Chance(2)
        for _ in 0..<200 {
            let raw = chance.next()
            still.learn(raw * 0.1, usualChange: still.usualChange, actual: 0)
            lively.learn(raw, usualChange: lively.usualChange, actual: raw + 0.05 * chance.next())
        }
        #expect(still.departure(0.1, usualChange: still.usualChange) == 0)
        #expect(lively.departure(0.7, usualChange: lively.usualChange) == 0.7)
    }

    @Test func `small departures of a coarse sensor become zero, and large ones stay`() {
        var gate = NoChangeGate(rowsPerDay: 24, overlap: 1)
        var chance = Chance(3)
        for hour in 0..<2_000 {
            let isMoving = hour % 5 == 0
            let raw = isMoving ? 1 + 0.1 * chance.next() : 0.06 * chance.next()
            gate.learn(raw, usualChange: gate.usualChange, actual: isMoving ? 1 : 0)
        }
        let usual = gate.usualChange
        #expect((usual - 0.2).magnitude < 0.05)
        #expect(gate.departure(0.008, usualChange: usual) == 0)
        #expect(gate.departure(1, usualChange: usual) > 0.8)
    }

    @Test func `an untrained gate passes every forecast`() {
        let gate = NoChangeGate(rowsPerDay: 24, overlap: 120)
        #expect(gate.departure(-0.3, usualChange: gate.usualChange) == -0.3)
    }
}

@Suite struct IntervalTrackingTests {
    @Test(arguments: [0.3, 1, 3] as [Float]) func `intervals of a wrong width converge to the right width, each level separately`(true scale: Float) {
        var tracking = IntervalTracking(rowsPerDay: 24, overlap: 1)
        var chance = Chance(8)
        let levels = ForecastShape.levels
        // Uniform errors of ±scale, stated as ±1: the distance of a level would be 2 · level − 1.
        let distances = SIMD8<Float>(levels.map { Float(2 * $0 - 1) } + [0])
        for row in 0..<20_000 { tracking.learn(error: chance.next() * scale, hour: row % 24, distances: distances) }
        for level in levels.indices where level != ForecastShape.medianLevel {
            // The hours share the correction; averaged over all hours it is right.
            let factor = (0..<24).map { tracking.factors(hour: $0)[level] }.reduce(0, +) / 24
            #expect((factor - scale).magnitude < 0.15 * scale, "level \(levels[level]): \(factor)")
        }
        #expect(tracking.factors[ForecastShape.medianLevel] == 1)
    }

    @Test func `a long lead time learns slowly, and no factor exceeds its bounds`() {
        var (short, long) = (IntervalTracking(rowsPerDay: 24, overlap: 1), IntervalTracking(rowsPerDay: 24, overlap: 120))
        let even = SIMD8<Float>((0..<8).map { Float($0) - 3 })
        for _ in 0..<24 {
            short.learn(error: 9, hour: 0, distances: even)
            long.learn(error: 9, hour: 0, distances: even)
        }
        #expect(short.factors[5] > 1.3 && long.factors[5] < 1.03)
        for _ in 0..<100_000 { short.learn(error: 9, hour: 0, distances: even) }
        #expect((0..<7).allSatisfy { (0.1...10).contains(short.factors[$0]) && (0.04...25).contains(short.factors(hour: 0)[$0]) })
    }

    @Test func `an uncertain hour gets wider intervals, only on its uncertain side`() {
        var tracking = IntervalTracking(rowsPerDay: 24, overlap: 1)
        var chance = Chance(8)
        let distances = SIMD8<Float>(ForecastShape.levels.map { Float(2 * $0 - 1) } + [0])
        var inside = [Int](repeating: 0, count: 24)
        let rows = 24 * 1_000
        for row in 0..<rows {
            let hour = row % 24
            let error = chance.next()
            // At noon, errors above the median are twice as large.
            let actual = hour == 12 && error > 0 ? 2 * error : error
            let bounds = distances * tracking.factors(hour: hour)
            if row >= rows / 2, bounds[1] <= actual, actual <= bounds[5] { inside[hour] += 1 }
            tracking.learn(error: actual, hour: hour, distances: distances)
        }
        let (noon, night) = (tracking.factors(hour: 12), tracking.factors(hour: 0))
        #expect(noon[5] / night[5] > 1.5 && noon[5] / night[5] < 2.2)
        #expect((noon[1] / night[1] - 1).magnitude < 0.15)
        for hour in [0, 12, 20] { #expect((inside[hour] - 400).magnitude < 30, "hour \(hour): \(inside[hour]) of 500") }
    }
}

@Suite struct AdaptiveForecasterTests {
    private func forecaster(_ observations: some Sequence<Observation>, grid: TimeGrid = .hourly, network: Network? = anyNetwork())
        -> AdaptiveForecaster
    {
        var forecaster = AdaptiveForecaster(grid: grid, network: network)
        for observation in observations { forecaster.observe(observation) }
        return forecaster
    }

    @Test(arguments: [false, true]) func `observations after the origin do not change the forecast`(hasNetwork: Bool) throws {
        let all = series(days: 30)
        let origin = 500
        let poisoned = all.prefix(origin) + all.dropFirst(origin).map { observation(Double($0.validAt.ms) / 3_600_000, 0, 90) }
        let network = hasNetwork ? anyNetwork() : nil
        func forecast(_ observations: some Sequence<Observation>) -> QuantileForecast? {
            var forecaster = AdaptiveForecaster(grid: .hourly, network: network)
            var result: QuantileForecast?
            for (index, observation) in observations.enumerated() {
                forecaster.observe(observation)
                if index == origin - 1 { result = forecaster.forecast() }
            }
            return result
        }
        let clean = try #require(forecast(all))
        #expect(clean == forecast(poisoned))
        #expect(clean == forecaster(all.prefix(origin), network: network).forecast())
    }

    @Test(arguments: ["dry", "saturated", "jumping", "stepping"])
    func `with any weights quantiles stay within 0 and 100 and never cross`(air: String) throws {
        let observations = (1...400).map { (hour: Int) -> Observation in
            let percent: [String: Int] = ["dry": 0, "saturated": 100, "jumping": hour % 2 * 100, "stepping": hour / 37 % 3 * 45]
            return observation(Double(hour), Double(percent[air] ?? 50), 20)
        }
        let forecast = try #require(forecaster(observations, network: anyNetwork(seed: 7, size: 2)).forecast())
        for lead in forecast.leadTimes.indices {
            let row = ForecastShape.levels.indices.map { forecast.humidity(lead: lead, level: $0) }
            #expect(row == row.sorted())
            #expect(row.allSatisfy { (0...100).contains($0) })
        }
    }

    @Test func `constant air is forecast as exactly its current value at every lead time`() throws {
        let forecast = try #require(forecaster((1...900).map { observation(Double($0), 47, 18) }, network: anyNetwork(size: 0.01)).forecast())
        for lead in forecast.leadTimes.indices { #expect(forecast.median(lead: lead) == 47) }
        #expect(forecast.temperature == Array(repeating: 18, count: forecast.leadTimes.count))
    }

    @Test func `temperature follows its daily course, and climatology is the mean of the same hour on earlier days`() throws {
        let days = (1...500).map { (hour: Int) -> Observation in observation(Double(hour), hour % 24 < 12 ? 40 : 60, hour % 24 < 12 ? 10 : 20) }
        let forecast = try #require(forecaster(days, network: nil).forecast())
        for (lead, leadTime) in forecast.leadTimes.enumerated() {
            let isNight = (500 + Int(leadTime.wholeSeconds) / 3_600) % 24 < 12
            #expect(forecast.climatology[lead] == (isNight ? 40 : 60))
            let warmth = try #require(forecast.temperature)[lead]
            if leadTime >= .seconds(6 * 3_600) { #expect((warmth - (isNight ? 10 : 20)).magnitude < 2, "\(leadTime): \(warmth)") }
        }
    }

    @Test func `the forecaster learns a room's habit that the network does not know`() throws {
        // Ventilated by 15 % every third hour from midnight: visible in the last hours, not in the weekly means alone.
        let room = (1...1_500).map { (hour: Int) -> Observation in
            let noise = Double(hour * 7 % 5) / 10
            return observation(Double(hour), (hour % 3 == 0 ? 35 : 50) + noise, 20)
        }
        var own = AdaptiveForecaster(grid: .hourly, network: nil)
        var (error, naive) = (0.0, 0.0)
        for (index, next) in room.enumerated() {
            if index > 1_000, let forecast = own.forecast() {
                error += (forecast.median(lead: 0) - next.humidity.percent).magnitude
                naive += (forecast.now.percent - next.humidity.percent).magnitude
            }
            own.observe(next)
        }
        #expect(error < 0.3 * naive, "error \(error), persistence \(naive)")
    }

    @Test(arguments: [1e20, .greatestFiniteMagnitude] as [Float]) func `overflowing weights still give finite quantiles`(size: Float) throws {
        let forecast = try #require(forecaster(series(days: 20), network: anyNetwork(size: size)).forecast())
        #expect(forecast.humidity.allSatisfy { (0...100).contains($0) })
    }

    @Test func `observations before 1970 give no forecast and do not disturb later ones`() throws {
        var old = AdaptiveForecaster(grid: .hourly, network: anyNetwork())
        for hour in -900 ..< -100 { old.observe(observation(Double(hour), 50 + Double(hour % 7))) }
        #expect(old.forecast() == nil)
        for hour in 1...200 { old.observe(observation(Double(hour), 50 + Double(hour % 7))) }
        #expect(old.forecast() != nil)
    }

    @Test func `a gap, a missing temperature and an old observation do not disturb the forecast`() throws {
        var observations = series(days: 40)
        observations.removeSubrange(300..<520)
        for place in 600..<640 {
            observations[place] = observation(Double(observations[place].validAt.ms) / 3_600_000, observations[place].humidity.percent)
        }
        var forecaster = forecaster(observations)
        let before = try #require(forecaster.forecast())
        let wasTaken = forecaster.observe(observations[100])
        #expect(!wasTaken)
        #expect(forecaster.forecast() == before)
        #expect(before.humidity.allSatisfy { $0.isFinite } && before.temperature?.count == before.leadTimes.count)
    }

    @Test func `a fine grid has all lead times, and the coverage matches the stated level`() throws {
        var chance = Chance(11)
        var forecaster = AdaptiveForecaster(grid: .fine, network: anyNetwork(size: 0.02))
        var level = 50.0
        var waiting: [(QuantileForecast, Int)] = []
        var (inside, count) = (0, 0)
        for bin in 1...(40 * 144) {
            level += 2 * Double(chance.next()) + (50 - level) * 0.05
            let current = Observation(
                validAt: Instant(ms: Int64(bin) * 600_000), humidity: RelativeHumidity(percent: min(100, max(0, level))), temperature: nil)
            for (forecast, target) in waiting where target == bin && bin > 15 * 144 {
                let lead = try #require(forecast.leadTimes.firstIndex(of: .seconds(3_600)))
                let range =
                    forecast.humidity(lead: lead, level: ForecastShape.lowLevel)...forecast.humidity(lead: lead, level: ForecastShape.highLevel)
                count += 1
                if range.contains(current.humidity.percent) { inside += 1 }
            }
            waiting.removeAll { $0.1 <= bin }
            forecaster.observe(current)
            if let forecast = forecaster.forecast() {
                #expect(forecast.leadTimes.count == 54)
                waiting.append((forecast, bin + 6))
            }
        }
        #expect((0.76...0.84).contains(Double(inside) / Double(count)))
    }

    @Test func `without an observation there is no forecast`() {
        #expect(AdaptiveForecaster(grid: .fine, network: nil).forecast() == nil)
    }

    @Test(arguments: [false, true]) func `a single observation is forecast as its own value, with a wide interval`(hasNetwork: Bool) throws {
        let forecast = try #require(forecaster([observation(1, 63)], network: hasNetwork ? anyNetwork() : nil).forecast())
        for lead in forecast.leadTimes.indices {
            #expect((forecast.median(lead: lead) - 63).magnitude < 0.5)
            if forecast.leadTimes[lead] >= .seconds(6 * 3_600), !hasNetwork {
                #expect(forecast.humidity(lead: lead, level: 5) - forecast.humidity(lead: lead, level: 1) > 4)
            }
        }
    }

    @Test func `a sensor without temperature has no temperature forecast`() throws {
        #expect(try #require(forecaster(series(days: 5, temperature: false)).forecast()).temperature == nil)
        let warm = try #require(forecaster(series(days: 5)).forecast())
        #expect(warm.temperature?.count == warm.leadTimes.count)
    }

    @Test(arguments: [TimeGrid.fine, .hourly]) func `the state of a forecaster takes at most 210 KB, before and after 40 days`(grid: TimeGrid) {
        var forecaster = AdaptiveForecaster(grid: grid, network: nil)
        #expect(forecaster.stateBytes < 210_000)
        for bin in 1...(40 * 86_400_000 / grid.step.ms) {
            forecaster.observe(
                Observation(
                    validAt: Instant(ms: bin * grid.step.ms), humidity: RelativeHumidity(percent: 50 + Double(bin * bin % 17)),
                    temperature: Temperature(celsius: 20)))
        }
        #expect(forecaster.stateBytes < 210_000)
    }
}
