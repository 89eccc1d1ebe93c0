package import Measures

/// Consecutive rows of one device's log, sent as one. Named device/epoch/first–last.
package struct Batch: Sendable, Equatable {
    package static let version = 1
    package static let mediaType = "application/vnd.vaho.batch"
    package static let rowLimit = 10_000
    package static let byteLimit = 1 << 20  // of a body, in either encoding
    package static let sensorLimit = 256

    package var epoch: Epoch
    package var first: Int64
    package var sensors: [SensorName]  // readings name them by place
    package var rows: [Row]  // of the sequences first, first + 1, …; none where the device has only a report to send
    package var report: DeviceReport?

    package enum Row: Sendable, Hashable {
        case reading(sensor: Int, Reading)
        case record(Record)
    }

    package init(epoch: Epoch, first: Int64, sensors: [SensorName], rows: [Row], report: DeviceReport? = nil) {
        self.epoch = epoch
        self.first = first
        self.sensors = sensors
        self.rows = rows
        self.report = report
    }

    package var last: Int64 { first + Int64(rows.count) - 1 }
    package var name: String { "\(epoch)/\(first)–\(last)" }

    /// The rows of a part of its sequences, with the sensors that they need and without the report.
    package func part(_ sequences: ClosedRange<Int64>) -> Batch {
        var rows = Array(rows[Int(sequences.lowerBound - first)...Int(sequences.upperBound - first)])
        var places: [Int: Int] = [:]  // of the sensors, from here to there
        var needed: [SensorName] = []
        for (index, row) in rows.enumerated() {
            guard case .reading(let sensor, let reading) = row else { continue }
            if places[sensor] == nil {
                places[sensor] = needed.count
                needed.append(sensors[sensor])
            }
            rows[index] = .reading(sensor: places[sensor] ?? 0, reading)
        }
        return Batch(epoch: epoch, first: sequences.lowerBound, sensors: needed, rows: rows)
    }
}

/// A release by name: which one a device runs, or should.
package struct ReleaseName: Sendable, Hashable {
    package var counter: UInt64
    package var sha256: [UInt8]  // 32, of the whole file

    package init(counter: UInt64, sha256: [UInt8]) {
        self.counter = counter
        self.sha256 = sha256
    }
}

/// What a device says of itself with a batch.
package struct DeviceReport: Sendable, Hashable {
    package static let scoreLimit = 256
    package static let refusalLimit = 800  // bytes
    package static let alertLimit = 32
    package static let thresholdLimit = 32

    package var release: ReleaseName?  // nil: it forecasts by the damped anomaly
    package var backlog: Int64  // rows not yet acknowledged
    package var evicted: Int64  // readings dropped unsent, since the store was made
    package var refused: Int64  // rows the cloud refused, since then
    package var clock: ClockQuality
    package var scores: [LiveScore]
    package private(set) var refusal: String?  // why the last offered release was not taken
    package private(set) var alerts: [ThresholdAlert]  // that are on; beyond the limit the first
    package private(set) var sensors: [SensorReport]  // empty: an earlier program, which reports none
    package private(set) var thresholds: [HumidityThreshold]  // that the device's rules set

    package init(
        release: ReleaseName?, backlog: Int64, evicted: Int64, refused: Int64, clock: ClockQuality, scores: [LiveScore], refusal: String? = nil,
        alerts: [ThresholdAlert] = [], sensors: [SensorReport] = [], thresholds: [HumidityThreshold] = []
    ) {
        self.sensors = Array(sensors.prefix(Batch.sensorLimit))
        // A longer name of a rule would make the whole report one that the cloud refuses.
        self.thresholds = Array(thresholds.filter { $0.rule.utf8.count <= 64 }.prefix(Self.thresholdLimit))
        self.alerts = Array(alerts.prefix(Self.alertLimit))
        self.release = release
        self.backlog = backlog
        self.evicted = evicted
        self.refused = refused
        self.clock = clock
        self.scores = scores
        self.refusal = refusal.flatMap { $0.isEmpty ? nil : $0.cut(toBytes: DeviceReport.refusalLimit) }
    }
}

/// Errors of forecasts whose time has come, of one release at one lead time, over all sensors of the device; in milli-percent.
package struct LiveScore: Sendable, Hashable {
    package var releaseCounter: UInt64  // 0: no release
    package var leadTimeSeconds: Int64
    package var count: Int64
    package var absoluteErrorMpct: Int64  // means
    package var persistenceErrorMpct: Int64
    package var climatologyErrorMpct: Int64
    package var coveredPpm: Int64  // by the 80 % interval

    package init(
        releaseCounter: UInt64, leadTimeSeconds: Int64, count: Int64, absoluteErrorMpct: Int64, persistenceErrorMpct: Int64,
        climatologyErrorMpct: Int64, coveredPpm: Int64
    ) {
        self.releaseCounter = releaseCounter
        self.leadTimeSeconds = leadTimeSeconds
        self.count = count
        self.absoluteErrorMpct = absoluteErrorMpct
        self.persistenceErrorMpct = persistenceErrorMpct
        self.climatologyErrorMpct = climatologyErrorMpct
        self.coveredPpm = coveredPpm
    }
}

/// Why a body is no batch.
package enum BatchRefusal: Error, Equatable, CustomStringConvertible {
    case version(Int)
    case checksum
    case malformed(pointer: String, String)  // where (a JSON pointer, or a byte), and what was expected

    package var description: String {
        switch self {
        case .version(let version): "batch version \(version) is not supported: send version \(Batch.version)"
        case .checksum: "the batch's CRC-32C does not match: it was cut off or damaged on the way"
        case .malformed(let pointer, let what): "\(pointer): \(what)"
        }
    }
}
