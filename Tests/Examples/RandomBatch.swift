internal import Forecasting
package import Measures
package import Wire

/// Seeded random numbers, so that a failure can be reproduced.
package struct Generator {
    private var state: UInt64
    package init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    package mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
    package mutating func next(below limit: Int64) -> Int64 { Int64(next() >> 1) % limit }
}

/// Makes a sensor name from text that is known to be valid.
package func sensorName(_ text: String) -> SensorName {
    guard let name = SensorName(text) else { preconditionFailure("a test's own name") }
    return name
}

/// A batch of random readings and records of all kinds; batches with an even seed have a report.
package func randomBatch(seed: UInt64, rows count: Int = 60) -> Batch {
    var random = Generator(seed: seed)
    let sensors = (0...random.next(below: 4)).map { sensorName("s\($0)") }
    var at: Int64 = 1_700_000_000_000
    let rows = (0..<count).map { _ -> Batch.Row in
        at += random.next(below: 3) == 0 ? random.next(below: 100_000) - 50_000 : 60_000
        switch random.next(below: 20) {
        case 0:
            return .record(
                .hole(
                    Hole(
                        sensor: random.next(below: 2) == 0 ? nil : sensors[0], reason: .sensorError, from: Instant(ms: at - 9), to: Instant(ms: at),
                        count: 3)))
        case 1:
            return .record(
                .hole(
                    Hole(
                        sensor: nil, reason: .evictedBySize, from: Instant(ms: 0), to: Instant(ms: at), count: 9, sequences: 1...9,
                        epoch: random.next(below: 2) == 0 ? nil : Epoch(bits: 7))))
        case 2: return .record(.clockCorrection(ClockCorrection(boot: 3, boottimeMs: 0...at, offset: .milliseconds(-77))))
        case 3:
            return .record(
                .sensor(
                    SensorRecord(
                        sensor: sensors[0], kind: "hwmon", driver: "sht4x", place: "north wall\n\"ö\"", step: .seconds(600), offsetMpct: -300)))
        case 4:
            return .record(
                .calibration(
                    Calibration(sensor: sensors[0], from: Instant(ms: at), enteredAt: Instant(ms: at + 7), gainPpm: 1_020_000, offsetMpct: -1_500)))
        case 5:
            guard let name = SensorName("renamed") else { fallthrough }
            return .record(.rename(SensorRename(sensor: sensors[0], name: name, until: Instant(ms: at), enteredAt: Instant(ms: at + 7))))
        default:
            func maybe(_ range: Int64) -> Int32? { random.next(below: 8) == 0 ? nil : Int32(random.next(below: range) - range / 4) }
            return .reading(
                sensor: Int(random.next(below: Int64(sensors.count))),
                Reading(
                    takenAt: Instant(ms: at), humidityMpct: maybe(120_000), temperatureMc: maybe(60_000), pressurePa: maybe(110_000),
                    flags: ReadingFlags(rawValue: UInt16(random.next(below: 40))),
                    clock: ClockQuality(rawValue: UInt8(random.next(below: 3))) ?? .unknown,
                    boot: UInt32(random.next(below: 3)), boottimeMs: random.next(below: 1 << 40)))
        }
    }
    return Batch(
        epoch: Epoch(bits: random.next()), first: 1 + random.next(below: 1 << 40), sensors: sensors, rows: rows, report: seed % 2 == 0 ? report : nil)
}

private let report = DeviceReport(
    release: ReleaseReference(counter: 17, sha256: [UInt8](repeating: 3, count: 32)), backlog: 12, evicted: 1, refused: 2, clock: .holdover,
    scores: [
        LiveScore(
            releaseCounter: 17, leadTimeSeconds: 3_600, count: 99, absoluteErrorMpct: 1_200, persistenceErrorMpct: 1_500, climatologyErrorMpct: 3_000,
            coveredPpm: 801_000)
    ], releaseRefusal: "hash",
    alerts: SensorName("crypt").map {
        [ThresholdAlert(rule: "damp", text: "humidity above 65 % for 6 h", sensor: $0, since: Instant(ms: 1_790_000_000_000), valueMilli: 66_125)]
    } ?? [],
    sensors: [
        SensorReport(
            sensor: sensorName("crypt"),
            condition: SensorCondition(.failing, since: Instant(ms: 1_790_000_000_000), detail: "«250 %» is impossible"),
            newestAt: Instant(ms: 1_790_000_060_000), rejectedMpct: 250_000,
            scores: [
                LiveScore(
                    releaseCounter: 17, leadTimeSeconds: 21_600, count: 9, absoluteErrorMpct: 1_100, persistenceErrorMpct: 1_400,
                    climatologyErrorMpct: 2_000, coveredPpm: 777_000)
            ]),
        SensorReport(sensor: sensorName("hall"), condition: .ok, newestAt: nil, rejectedMpct: nil),
    ],
    thresholds: [
        HumidityThreshold(rule: "damp", sensor: nil, isAbove: true, percent: 65),
        HumidityThreshold(rule: "dry", sensor: sensorName("hall"), isAbove: false, percent: 40.5),
    ],
    rejections: [
        ReleaseRejection(
            release: ReleaseReference(counter: 16, sha256: [UInt8](repeating: 2, count: 32)), reason: .liveError, at: Instant(ms: 1_790_000_000_000),
            detail: "its live error is 1.40 times the last good release's")
    ],
    dailyScores: [
        DailyScore(
            sensor: sensorName("crypt"), day: 20_700, releaseCounter: 17, leadTimeSeconds: 3_600, count: 144, absoluteErrorMpct: 90_000,
            persistenceErrorMpct: 120_000, climatologyErrorMpct: 300_000, pinballMpct: 40_000, covered: 115,
            comparison: DailyScore.Comparison(rivalCounter: 0, count: 140, errorMpct: 88_000, rivalErrorMpct: 91_000)),
        DailyScore(
            sensor: sensorName("crypt"), day: 20_700, releaseCounter: 17, leadTimeSeconds: 432_000, count: 144, absoluteErrorMpct: 90_000,
            persistenceErrorMpct: 120_000, climatologyErrorMpct: 300_000, pinballMpct: 40_000, covered: 115, comparison: nil),
    ])
