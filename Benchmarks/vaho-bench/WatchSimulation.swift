import Forecasting
import Foundation
import Measures
import Pipeline
import Watch

struct WatchOptions {
    var data = ""  // a folder with recordings
    var groups: [[String]] = []  // names of recordings that are peers
    var every = 14  // days between two injected faults of a series

    init(_ arguments: [String]) throws {
        try forEachOption(arguments) { name, value in
            switch name {
            case "--data": data = value
            case "--peers": groups.append(value.split(separator: ",").map(String.init))
            case "--every": every = try wholeNumber(name, value)
            default: throw WrongOption(description: "\(name) is not an option")
            }
        }
        guard !data.isEmpty, !groups.isEmpty else { throw WrongOption(description: "--data and --peers are needed") }
    }
}

/// Measures how often the watch of sensors raises a false alarm on recordings, and how soon it finds faults that are added to them.
struct WatchSimulation {
    let options: WatchOptions
    init(_ options: WatchOptions) { self.options = options }

    private enum Fault: String, CaseIterable {
        case step5 = "step of +5 %RH"
        case step10 = "step of +10 %RH"
        case ramp = "ramp of +2 %RH a month"
        case gain = "gain of 0.8"
        case noise = "noise with sd 5 %RH"
        case stuck = "stuck for 6 h a day"

        func apply(to series: GriddedSeries, from day: Int64) -> [Observation] {
            var random = SystemNoise(seed: UInt64(day))
            var held: Double?
            return series.observations.map { observation in
                let at = observation.validAt.ms - 1
                guard at >= day * 86_400_000 else { return observation }
                let days = Double(at - day * 86_400_000) / 86_400_000
                var value = observation.humidity.percent
                switch self {
                case .step5: value += 5
                case .step10: value += 10
                case .ramp: value += 2 * days / 30.4
                case .gain: value *= 0.8
                case .noise: value += 5 * random.normal()
                case .stuck:
                    let isHeld = at % 86_400_000 < 6 * 3_600_000
                    held = isHeld ? held ?? value : nil
                    value = held ?? value
                }
                return Observation(
                    validAt: observation.validAt, humidity: RelativeHumidity(percent: max(0, min(100, value))), temperature: observation.temperature)
            }
        }
    }

    private struct SystemNoise {
        var state: UInt64
        init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }
        /// The sum of twelve evenly distributed numbers, minus 6.
        mutating func normal() -> Double {
            (0..<12).reduce(-6.0) { sum, _ in
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                return sum + Double(state >> 11) / 9_007_199_254_740_992
            }
        }
    }

    private struct Result {
        var delays: [Double] = []  // weeks; infinite if not found before the end of the recording
        var wrong = 0  // alarms that name another fault

        func text(_ name: String) -> String {
            let sorted = delays.sorted()
            let median = sorted.isEmpty ? Double.nan : sorted[sorted.count / 2]
            let found = Double(delays.count { $0 <= 12 }) / Double(max(1, delays.count))
            return
                "{\"fault\": \"\(name)\", \"injected\": \(delays.count), \"median_weeks\": \(median.isFinite ? String(format: "%.1f", median) : "null"), "
                + "\"found_in_12_weeks\": \(String(format: "%.2f", found)), \"named_otherwise\": \(wrong)}"
        }
    }

    func run() throws {
        let folder = SeriesFolder(options.data)
        var (weeks, alarms) = (0.0, [SensorHealth.Finding: Int]())
        var results: [Fault: Result] = [:]
        for names in options.groups {
            let series = try names.map { try folder.series(named: $0) }
            let days = series.map { SensorDay.days(of: $0.observations, grid: $0.grid) }
            for index in series.indices {
                let peers = days.indices.filter { $0 != index }.map { days[$0] }
                countFalseAlarms(days[index], peers, &weeks, &alarms)
                guard let first = days[index].first?.day, let last = days[index].last?.day else { continue }
                for start in stride(from: first + 90, to: last - 28, by: options.every) {
                    for fault in Fault.allCases {
                        let faulty = SensorDay.days(of: fault.apply(to: series[index], from: start), grid: series[index].grid)
                        // Dismiss the alarms that the unchanged series raises before the fault begins, so that only the fault can raise one.
                        var from: Int64 = .min
                        while let alarm = SensorHealth.judge(days[index].filter { $0.day < start }, peers: peers, from: from).alarm {
                            from = alarm.since
                        }
                        guard from < start - 87 else { continue }  // the sensor would not be judged yet
                        let found = SensorHealth.judge(faulty, peers: peers, from: from).alarm
                        results[fault, default: Result()].delays.append(found.map { Double($0.foundOn - start + 1) / 7 } ?? .infinity)
                        let expected: SensorHealth.Finding = fault == .noise ? .noise : fault == .stuck ? .flat : .drift
                        if let found, found.finding != expected { results[fault]?.wrong += 1 }
                    }
                }
            }
        }
        let kinds = SensorHealth.Finding.allCases.map { "\"\($0.rawValue)\": \(String(format: "%.4f", Double(alarms[$0] ?? 0) / weeks))" }
        print("{\"clean\": {\"sensor_weeks\": \(Int(weeks)), \"false_alarms_a_week\": {\(kinds.joined(separator: ", "))}}}")
        for fault in Fault.allCases { print((results[fault] ?? Result()).text(fault.rawValue)) }
    }

    /// Each alarm is dismissed: the days from its first day on are the new reference.
    private func countFalseAlarms(_ own: [SensorDay], _ peers: [[SensorDay]], _ weeks: inout Double, _ alarms: inout [SensorHealth.Finding: Int]) {
        weeks += Double(own.count) / 7
        var from: Int64 = .min
        while let alarm = SensorHealth.judge(own, peers: peers, from: from).alarm {
            alarms[alarm.finding, default: 0] += 1
            from = alarm.since
        }
    }
}
