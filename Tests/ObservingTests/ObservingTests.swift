import Measures
import Observing
import Testing

private let start: Int64 = 1_599_998_400_000  // a full hour

private func reading(_ minutes: Int64, _ percent: Double?, _ celsius: Double? = 20) -> Reading {
    Reading(
        takenAt: Instant(ms: start + minutes * 60_000), humidityMpct: percent.flatMap(Milli.rounded), temperatureMc: celsius.flatMap(Milli.rounded))
}

@Suite struct QualityControlTests {
    @Test func `a small overshoot at the ends of the range is accepted and clipped`() {
        #expect(QualityControl.check(reading(0, 100.8)) == .passed(humidity: RelativeHumidity(percent: 100), temperature: Temperature(celsius: 20)))
        #expect(QualityControl.check(reading(0, -0.5, nil)) == .passed(humidity: RelativeHumidity(percent: 0), temperature: nil))
    }

    @Test(arguments: [250.0, 110.1, -1.1])
    func `a humidity that air cannot have fails`(percent: Double) { #expect(QualityControl.check(reading(0, percent)) == .failed(.range)) }

    @Test func `an overshoot of a linear output in saturated air counts as saturated, and a large one fails`() {
        var saturated = reading(0, 118.9)
        #expect(QualityControl.check(saturated) == .failed(.range))
        saturated.flags = .clamped
        #expect(QualityControl.check(saturated) == .passed(humidity: RelativeHumidity(percent: 100), temperature: Temperature(celsius: 20)))
        var broken = reading(0, 250)
        broken.flags = [.clamped, .impossible]
        #expect(QualityControl.check(broken) == .failed(.range))
    }

    @Test func `a calibration can make a value valid or invalid, and a value that the driver reports as none stays invalid`() throws {
        let sensor = try #require(SensorName("crypt"))
        func judged(_ percent: Double, _ offset: Int32, _ flags: ReadingFlags = []) -> QualityControl.Verdict {
            var said = reading(0, percent, nil)
            said.flags = flags
            return QualityControl.check(Calibration(sensor: sensor, from: Instant(ms: 0), offsetMpct: offset).corrected(said))
        }
        func passed(_ percent: Double) -> QualityControl.Verdict { .passed(humidity: RelativeHumidity(percent: percent), temperature: nil) }
        #expect(judged(112, -5_000, .impossible) == passed(100))
        #expect(judged(120, -30_000, .impossible) == passed(90))
        #expect(judged(104, 10_000) == .failed(.range))
        #expect(judged(120, 0, .impossible) == .failed(.range))
        #expect(judged(100, -5_000, .impossible) == .failed(.range))
    }

    @Test func `a missing humidity fails, and an impossible temperature is only dropped`() {
        #expect(QualityControl.check(reading(0, nil)) == .failed(.missing))
        #expect(QualityControl.check(reading(0, 50, 200)) == .passed(humidity: RelativeHumidity(percent: 50), temperature: nil))
    }
}

@Suite struct TimeGridTests {
    @Test(arguments: [(600, 600), (60, 600), (601, 3_600), (900, 3_600), (3_600, 3_600)])
    func `the step is 600 s up to a median spacing of 600 s`(spacing: Int, step: Int) {
        #expect(TimeGrid(medianSpacing: .seconds(spacing)).step == .seconds(step))
        let times = (0..<9).map { Instant(ms: Int64($0 * spacing) * 1_000) }
        #expect(TimeGrid(takenAt: times.shuffled()).step == .seconds(step))
    }

    @Test func `a bin is open at its start and closed at its end`() {
        let grid = TimeGrid.fine
        #expect(grid.binEnd(of: Instant(ms: 600_000)) == Instant(ms: 600_000))
        #expect(grid.binEnd(of: Instant(ms: 600_001)) == Instant(ms: 1_200_000))
        #expect(grid.binEnd(of: Instant(ms: -1)) == Instant(ms: 0))
    }
}

@Suite struct BinningTests {
    @Test func `the mean of a bin is complete at the first reading after the bin`() {
        var binning = Binning(grid: .fine)
        #expect(binning.add(reading(1, 40)).isEmpty)
        #expect(binning.add(reading(5, 42, 21)).isEmpty)
        let done = binning.add(reading(11, 50))
        #expect(
            done == [
                Observation(validAt: Instant(ms: start + 600_000), humidity: RelativeHumidity(percent: 41), temperature: Temperature(celsius: 20.5))
            ])
    }

    @Test func `a reading exactly at the end of its bin closes the bin at once`() {
        var binning = Binning(grid: .hourly)
        #expect(binning.add(reading(60, 40)).map(\.validAt.ms) == [start + 3_600_000])
        #expect(binning.add(reading(120, 41)).map(\.validAt.ms) == [start + 7_200_000])
    }

    @Test func `failed readings make no observation, and late ones are counted but ignored`() {
        var binning = Binning(grid: .fine)
        _ = binning.add(reading(1, 250))
        #expect(binning.add(reading(11, 50)).isEmpty)
        #expect(binning.add(reading(2, 40)).isEmpty)
        #expect(binning.lateCount == 1)
    }

    @Test func `a bin whose end has passed is closed without a further reading`() {
        var binning = Binning(grid: .fine)
        _ = binning.add(reading(3, 40))
        #expect(binning.close(before: Instant(ms: start + 600_000)) == nil)
        #expect(binning.close(before: Instant(ms: start + 600_001))?.humidity.percent == 40)
    }

    @Test func `the order of the readings in a bin does not change its mean`() {
        let readings = (1...9).map { reading(Int64($0), Double($0) * 7.123, Double($0) * -0.377) }
        let means = (0..<20).map { _ in
            var bin = Bin(validAt: Instant(ms: start + 600_000))
            for reading in readings.shuffled() { bin.add(reading) }
            return bin.observation
        }
        #expect(Set(means).count == 1)
    }
}

@Suite struct QualityTrackingTests {
    private func flags(_ readings: [(seconds: Int64, mpct: Int32)]) -> [ReadingFlags] {
        var tracking = QualityTracking()
        return readings.map { tracking.flags(of: $0.mpct, at: Instant(ms: 1_700_000_000_000 + $0.seconds * 1_000)) }
    }

    @Test func `a step too large for real air is flagged, and a shower or a gap is not`() {
        #expect(flags([(0, 40_000), (60, 75_000), (120, 40_000), (121, 52_000), (3_600, 90_000)]) == [[], [], [], .jumped, []])
    }

    @Test func `values at the ends of the range are flagged`() {
        #expect(flags([(0, 100_000), (60, 99_999), (120, 101_500), (180, 99_000), (3_600, 0)]) == [.saturated, [], .saturated, [], .saturated])
    }

    // Readings one minute apart; the first step shows the resolution.
    @Test(arguments: [(40, 3), (200, 24), (1_000, 72)] as [(Int32, Int64)])
    func `a line that stays flat too long for its resolution is flagged until it moves`(step: Int32, hours: Int64) {
        let still = (1...(hours * 60 + 30)).map { (seconds: $0 * 60, mpct: 50_000 + step) }
        let found = flags([(0, 50_000)] + still + [(still.last.map { $0.seconds + 60 } ?? 0, 50_000)])
        #expect(found.firstIndex(of: .flat) == Int(hours * 60) + 1)
        #expect(found.last == [])
        #expect(found.count { $0 == .flat } == 30)
    }

    @Test func `a few equal readings far apart are not a flat line`() {
        #expect(flags([(0, 50_000), (60, 50_010), (7_200, 50_010), (14_400, 50_010), (86_400, 50_010)]).allSatisfy { $0 == [] })
    }
}

@Suite struct SpikeFilterTests {
    /// Filters readings that are `seconds` apart. Returns all readings in the order they were passed on, and the flagged ones.
    private func filtered(_ percents: [Double], every seconds: Int64 = 60) -> (values: [Double], spikes: [Double]) {
        var filter = SpikeFilter()
        var passed: [Reading] = []
        for (place, percent) in percents.enumerated() {
            let takenAt = Instant(ms: start + Int64(place) * seconds * 1_000)
            passed += filter.decide(Reading(takenAt: takenAt, humidityMpct: Milli.rounded(percent)))
        }
        passed += filter.flush()
        func values(_ readings: [Reading]) -> [Double] { readings.compactMap { $0.humidityMpct.map { Double($0) / 1_000 } } }
        return (values(passed), values(passed.filter { $0.flags.contains(.spike) }))
    }

    // Reports of real sensors: a failed conversion reported as 1 %, as 91 % before 59 %, and zeros for "none".
    @Test(
        arguments: [
            ([52, 52.1, 1, 52.1, 52], [1]), ([59, 91, 59.2, 59], [91]), ([52, 0, 0, 0, 52.3], [0, 0, 0]), ([52, 0, 52, 99, 51.5], [0, 99]),
            ([52, 65, 53], [65]),
        ] as [([Double], [Double])])
    func `a value that jumps away and returns at once is flagged, and all values are passed on in order`(percents: [Double], spikes: [Double]) {
        let found = filtered(percents)
        #expect(found.values == percents)
        #expect(found.spikes == spikes)
    }

    @Test(
        arguments: [
            [50, 70, 71, 72], [50, 70, 62, 58, 55], [50, 58, 50], [52, 0, 0, 0, 0, 52], [50, 70], [70, 50, 50],
        ] as [[Double]])
    func `changing air is not flagged as a spike`(percents: [Double]) {
        let found = filtered(percents)
        #expect(found.values == percents)
        #expect(found.spikes == [])
    }

    @Test func `an impossible value beside a spike does not affect the detection and keeps its place`() {
        var filter = SpikeFilter()
        let said: [(Int32, ReadingFlags)] = [(45_000, []), (0, []), (250_000, .impossible), (45_100, [])]
        var passed: [Reading] = []
        for (place, (mpct, flags)) in said.enumerated() {
            passed += filter.decide(Reading(takenAt: Instant(ms: start + Int64(place) * 60_000), humidityMpct: mpct, flags: flags))
            #expect(filter.isHolding == [1, 2].contains(place))
        }
        #expect(passed.map(\.humidityMpct) == said.map(\.0))
        #expect(passed.map(\.flags) == [[], .spike, .impossible, []])
    }

    @Test func `readings far apart are not compared`() {
        #expect(filtered([50, 90, 50], every: 600).spikes == [])
    }
}
