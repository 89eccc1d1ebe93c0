package import Measures

/// Consecutive rows of one device's log, sent in one request. Named device/epoch/first–last.
package struct Batch: Sendable, Equatable {
    package static let version = 1
    package static let mediaType = "application/vnd.vaho.batch"
    package static let rowLimit = 10_000
    package static let byteLimit = 1 << 20  // of a body, in binary or JSON form
    package static let sensorLimit = 256

    package var epoch: Epoch
    package var first: Int64
    package var sensors: [SensorName]  // readings refer to sensors by index
    package var rows: [Row]  // sequences first, first + 1, …; empty if the device only has a report to send
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

    /// The batch for a part of the sequences, with only the sensors that its rows use, and without the report.
    package func part(_ sequences: ClosedRange<Int64>) -> Batch {
        var rows = Array(rows[Int(sequences.lowerBound - first)...Int(sequences.upperBound - first)])
        var places: [Int: Int] = [:]  // sensor index in this batch to sensor index in the part
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

/// A reference to a release.
package struct ReleaseName: Sendable, Hashable {
    package var counter: UInt64
    package var sha256: [UInt8]  // 32 bytes, of the whole file

    package init(counter: UInt64, sha256: [UInt8]) {
        self.counter = counter
        self.sha256 = sha256
    }
}

/// A device's report about itself, sent with a batch.
package struct DeviceReport: Sendable, Hashable {
    package static let scoreLimit = 256
    package static let refusalLimit = 800  // bytes
    package static let alertLimit = 32
    package static let thresholdLimit = 32

    package var release: ReleaseName?  // nil: the device forecasts with the damped anomaly
    package var backlog: Int64  // rows not yet acknowledged
    package var evicted: Int64  // readings discarded before delivery, since the store was created
    package var refused: Int64  // rows that the cloud refused, since the store was created
    package var clock: ClockQuality
    package var scores: [LiveScore]
    package private(set) var refusal: String?  // why the device refused the last offered release
    package private(set) var alerts: [ThresholdAlert]  // active alerts; at most the first `alertLimit`
    package private(set) var sensors: [SensorReport]  // empty: an earlier program version, which does not report sensors
    package private(set) var thresholds: [HumidityThreshold]  // from the device's rules

    package init(
        release: ReleaseName?, backlog: Int64, evicted: Int64, refused: Int64, clock: ClockQuality, scores: [LiveScore], refusal: String? = nil,
        alerts: [ThresholdAlert] = [], sensors: [SensorReport] = [], thresholds: [HumidityThreshold] = []
    ) {
        self.sensors = Array(sensors.prefix(Batch.sensorLimit))
        // With a longer rule name the cloud would refuse the whole report.
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

/// Errors of forecasts with observed targets, for one release at one lead time, over all sensors of the device; in milli-percent.
package struct LiveScore: Sendable, Hashable {
    package var releaseCounter: UInt64  // 0: no release
    package var leadTimeSeconds: Int64
    package var count: Int64
    package var absoluteErrorMpct: Int64  // this and the following errors are means
    package var persistenceErrorMpct: Int64
    package var climatologyErrorMpct: Int64
    package var coveredPpm: Int64  // share of targets within the 80 % interval

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

/// The reasons to refuse a body as a batch.
package enum BatchRefusal: Error, Equatable, CustomStringConvertible {
    case version(Int)
    case checksum
    case malformed(pointer: String, String)  // location (a JSON pointer or a byte offset), and the expected content

    package var description: String {
        switch self {
        case .version(let version): "batch version \(version) is not supported: send version \(Batch.version)"
        case .checksum: "the batch's CRC-32C does not match: it was truncated or damaged in transfer"
        case .malformed(let pointer, let what): "\(pointer): \(what)"
        }
    }
}
