import Examples
import Measures
import Observing
import Randomness
import Testing

@testable import Watch

/// Simulated sensors that share the outdoor air, with its weather and seasons; each place adds its own vapour.
struct PretendPlaces {
    static let days = 400

    /// Days of one place.
    /// - Parameter fault: changes a day: its place in the list, and the day.
    static func days(of place: Int, fault: (Int, inout SensorDay) -> Void = { _, _ in }) -> [SensorDay] {
        var weather = RandomNumbers(1, 7), own = RandomNumbers(2, UInt64(place))
        var (front, local) = (0.0, 0.0)
        let offset = 0.3 * Double(place % 5), gain = 0.8 + 0.05 * Double(place % 4)
        return (0..<days).map { day in
            front = 0.8 * front + weather.normal()
            local = 0.4 * local + 0.8 * own.normal()  // the departure of this place from the common weather, in %RH
            let season = -wave(Double(day) / 365)
            let saturation = 17 + 6 * season + 0.5 * Double(place)
            let vapour = max(1, gain * (13 + 4 * season + front) + offset + local / 100 * saturation)
            var summary = SensorDay(
                day: 19_000 + Int64(day), share: 1, humidity: 100 * vapour / saturation, vapourPressure: vapour, saturationPressure: saturation,
                change: 0.8 + 0.1 * weather.normal().magnitude, stillShare: 0.01, hours: 23)
            fault(day, &summary)
            return summary
        }
    }

    /// A cosine with the period 1, by its first Taylor polynomials: exact enough for a season.
    private static func wave(_ x: Double) -> Double {
        let y = (x - x.rounded(.down)) * 4  // quarters
        let quarter = y < 1 ? y : y < 3 ? 2 - y : y - 4
        return 1.5 * quarter * (1 - quarter * quarter / 3)
    }

    /// A fault from a day on, in %RH.
    static func bias(from start: Int, _ size: @escaping (Int) -> Double) -> (Int, inout SensorDay) -> Void {
        { day, summary in
            guard day >= start else { return }
            summary.humidity += size(day - start)
            summary.vapourPressure += size(day - start) / 100 * summary.saturationPressure
        }
    }
}

extension RandomNumbers {
    /// The sum of twelve evenly distributed numbers, minus 6.
    fileprivate mutating func normal() -> Double { (0..<12).reduce(-6.0) { sum, _ in sum + Double(unitFloat()) } }
}

@Suite struct SensorHealthTests {
    private let peers = (1...6).map { PretendPlaces.days(of: $0) }
    private let start = 250

    private func health(_ fault: @escaping (Int, inout SensorDay) -> Void) -> SensorHealth {
        SensorHealth.judge(PretendPlaces.days(of: 0, fault: fault), peers: peers)
    }

    @Test func `twelve healthy sensors raise at most three alarms in a year`() {
        let all = (0..<12).map { PretendPlaces.days(of: $0) }
        let found = all.indices.compactMap { index in
            SensorHealth.judge(all[index], peers: all.indices.filter { $0 != index }.map { all[$0] }).alarm
        }
        #expect(found.count <= 3, "\(found)")
    }

    @Test(arguments: [5.0, -5, 10]) func `a step is found within eleven days, with its size and its first day`(size: Double) throws {
        let health = health(PretendPlaces.bias(from: start) { _ in size })
        let alarm = try #require(health.alarm)
        #expect(alarm.finding == .drift && health.isBiasObservable && health.peers.count == 6)
        #expect((0...10).contains(alarm.foundOn - 19_000 - Int64(start)), "found on day \(alarm.foundOn - 19_000)")
        #expect((alarm.since - 19_000 - Int64(start)).magnitude <= 5)
        #expect((alarm.size - size).magnitude < 2, "\(alarm.size)")
    }

    @Test func `a ramp of 2 %RH a month is found within six weeks`() throws {
        let alarm = try #require(health(PretendPlaces.bias(from: start) { 2 * Double($0) / 30.4 }).alarm)
        #expect(alarm.finding == .drift && (0...42).contains(alarm.foundOn - 19_000 - Int64(start)))
    }

    @Test func `another gain is found as a drift`() throws {
        let found = health { [start] day, summary in
            guard day >= start else { return }
            summary.humidity *= 0.8
            summary.vapourPressure *= 0.8
        }
        let alarm = try #require(found.alarm)
        #expect(alarm.finding == .drift && alarm.size < -5)
    }

    @Test func `noise is found by the changes from hour to hour, relative to the peers`() throws {
        let found = health { [start] day, summary in if day >= start { summary.change *= 4 } }
        let alarm = try #require(found.alarm)
        #expect(alarm.finding == .noise && (0...7).contains(alarm.foundOn - 19_000 - Int64(start)) && alarm.size > 2)
        // Changes that all sensors share are weather, not noise.
        let stormy = (0...6).map { place in PretendPlaces.days(of: place) { [start] day, summary in if day >= start { summary.change *= 4 } } }
        #expect(SensorHealth.judge(stormy[0], peers: Array(stormy[1...])).alarm == nil)
    }

    @Test func `a sensor that stands still for hours is flat, also without peers`() throws {
        let still = PretendPlaces.days(of: 0) { [start] day, summary in if day >= start { summary.stillShare = 0.3 } }
        let health = SensorHealth.judge(still, peers: [])
        #expect(health.alarm?.finding == .flat && !health.isBiasObservable)
        // A coarse sensor always has still hours.
        let coarse = PretendPlaces.days(of: 0) { _, summary in summary.stillShare = 0.3 }
        #expect(SensorHealth.judge(coarse, peers: []).alarm == nil)
    }

    @Test(arguments: 0...3) func `with fewer than three peers a bias cannot be observed`(count: Int) {
        let faulty = PretendPlaces.days(of: 0, fault: PretendPlaces.bias(from: start) { _ in 20 })
        let health = SensorHealth.judge(faulty, peers: Array(peers.prefix(count)))
        #expect(health.isBiasObservable == (count == 3) && (health.alarm != nil) == (count == 3))
    }

    @Test func `uncorrelated sensors are not used as peers`() {
        let strangers = (0..<6).map { stranger in
            var random = RandomNumbers(3, UInt64(stranger))
            return PretendPlaces.days(of: 1) { _, summary in summary.vapourPressure = 10 + random.normal() }
        }
        #expect(!SensorHealth.judge(PretendPlaces.days(of: 0), peers: strangers).isBiasObservable)
    }

    @Test func `after a repair, a calibration or a dismissed alarm only later days count`() throws {
        let faulty = PretendPlaces.days(of: 0, fault: PretendPlaces.bias(from: start) { $0 < 40 ? 8 : 0 })
        #expect(SensorHealth.judge(faulty, peers: peers).alarm != nil)
        #expect(SensorHealth.judge(faulty, peers: peers, from: 19_000 + Int64(start) + 40).alarm == nil)
        let lasting = PretendPlaces.days(of: 0, fault: PretendPlaces.bias(from: start) { _ in 8 })
        let later = SensorHealth.judge(lasting, peers: peers, from: 19_000 + Int64(start)).alarm
        #expect(later.map { $0.size.magnitude < 3 } ?? true, "the 8 %RH are the new normal")
    }

    @Test func `an alarm is raised for a day that was not judged before`() throws {
        let faulty = PretendPlaces.days(of: 0, fault: PretendPlaces.bias(from: start) { $0 < 20 ? 8 : 0 })
        let alarm = try #require(SensorHealth.judge(faulty, peers: peers).alarm)
        #expect(SensorHealth.judge(faulty, peers: peers, judged: alarm.foundOn - 1).alarm == alarm)
        #expect(SensorHealth.judge(faulty, peers: peers, judged: faulty.last?.day ?? 0).alarm == nil)
    }

    @Test func `days with few observations, gaps and single outliers raise no alarm`() {
        let patchy = PretendPlaces.days(of: 0) { day, summary in
            if day % 9 == 0 { (summary.share, summary.vapourPressure) = (0.2, 50) }
            if day == 300 { summary.vapourPressure += 5 }
        }.filter { $0.day % 31 != 0 }
        #expect(SensorHealth.judge(patchy, peers: peers).alarm?.finding != .drift)
        #expect(SensorHealth.judge([], peers: peers) == SensorHealth())
    }
}

@Suite struct SensorDayTests {
    @Test func `a day has the observations after its midnight up to the next one`() {
        let start: Int64 = 19_000 * 86_400_000
        let observations = (1...288 as ClosedRange<Int64>).map { bin in
            Observation(
                validAt: Instant(ms: start + bin * 600_000), humidity: RelativeHumidity(percent: bin <= 144 ? 40 : 60),
                temperature: Temperature(celsius: 20))
        }
        let days = SensorDay.days(of: observations, grid: .fine)
        #expect(days.map(\.day) == [19_000, 19_001] && days.map(\.humidity) == [40, 60] && days.allSatisfy { $0.share == 1 })
        #expect(days[0].hours == 23 && days[1].hours == 24, "the first hour of the second day follows the last hour of the first")
        #expect(days[0].stillShare == 1 && days[1].change > 0)
        #expect((days[0].vapourPressure / days[0].saturationPressure - 0.4).magnitude < 1e-9)
    }

    @Test func `humidity replaces vapour pressure when there is no temperature`() {
        let day = SensorDay.days(
            of: [Observation(validAt: Instant(ms: 3_600_000), humidity: RelativeHumidity(percent: 45), temperature: nil)], grid: .hourly)
        #expect(day.map(\.vapourPressure) == [45] && day.map(\.saturationPressure) == [100])
    }
}
