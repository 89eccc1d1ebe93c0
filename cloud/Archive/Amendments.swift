internal import Measures
internal import Wire

/// What a device has said later of its earlier readings: their true times, how its sensors err, what they are called now.
///
/// Made once for many readings: each reading then costs a binary search, however many amendments there are.
struct Amendments: Sendable {
    private let corrections: [UInt32: [CorrectedSpan]]  // by boot, in the order of boot times, not overlapping
    private let calibrations: [SensorName: [Calibration]]  // by series, by the time from which each counts
    let renames: [SensorRename]  // in the order in which they were said
    let boots: ClosedRange<UInt32>?  // that corrections are about

    private struct CorrectedSpan {
        let boottimeMs: ClosedRange<Int64>
        let offsetMs: Int64
    }

    /// - Parameters: in the order of the log.
    init(corrections: [ClockCorrection], calibrations: [Calibration], renames: [SensorRename]) {
        let renames = renames.ordered()
        self.renames = renames
        self.corrections = Amendments.spans(corrections)
        self.calibrations = Amendments.inForce(calibrations.ordered().map { renames.renamed($0) })
        let boots = corrections.map(\.boot)
        self.boots = boots.min().flatMap { first in boots.max().map { first...$0 } }
    }

    static func amends(_ record: Record) -> Bool {
        switch record {
        case .clockCorrection, .calibration, .rename: true
        case .hole, .sensor: false
        }
    }

    /// Of several corrections of one boot time the last one counts.
    private static func spans(_ corrections: [ClockCorrection]) -> [UInt32: [CorrectedSpan]] {
        var covered: [UInt32: HeldRanges] = [:]
        var spans: [UInt32: [CorrectedSpan]] = [:]
        for correction in corrections.reversed() {
            for span in covered[correction.boot, default: HeldRanges()].missing(in: correction.boottimeMs) {
                spans[correction.boot, default: []].append(CorrectedSpan(boottimeMs: span, offsetMs: correction.offset.ms))
            }
            covered[correction.boot, default: HeldRanges()].insert(correction.boottimeMs)
        }
        return spans.mapValues { $0.sorted { $0.boottimeMs.lowerBound < $1.boottimeMs.lowerBound } }
    }

    /// Of several calibrations that cover a reading the one said last counts: one said earlier counts up to where a later one begins.
    private static func inForce(_ ordered: [Calibration]) -> [SensorName: [Calibration]] {
        var inForce: [SensorName: [Calibration]] = [:]
        for calibration in ordered.reversed() {
            if let last = inForce[calibration.sensor]?.last, last.from <= calibration.from { continue }
            inForce[calibration.sensor, default: []].append(calibration)
        }
        return inForce.mapValues { $0.reversed() }
    }

    /// The reading as it is known to have been, and the series that it belongs to.
    /// - Parameter path: of the sensor's name.
    func amended(_ reading: Reading, of path: SeriesPath) -> (series: Int, reading: Reading) {
        var reading = reading
        if let trueTime = trueTime(of: reading) { reading.takenAt = trueTime }
        let series = path.series(at: reading.takenAt)
        if let known = calibrations[path.names[series]] {
            let after = known.partitioningIndex { $0.from > reading.takenAt }
            if after > 0 { reading = known[after - 1].corrected(reading) }
        }
        return (series, reading)
    }

    private func trueTime(of reading: Reading) -> Instant? {
        guard !corrections.isEmpty, reading.hasHostClock, let spans = corrections[reading.boot] else { return nil }
        let place = spans.partitioningIndex { $0.boottimeMs.upperBound >= reading.boottimeMs }
        guard place < spans.count, spans[place].boottimeMs.contains(reading.boottimeMs) else { return nil }
        return Instant(ms: reading.boottimeMs + spans[place].offsetMs)
    }
}

/// The names that a sensor's readings may belong to: its own, and those it was renamed to in turn.
struct SeriesPath: Sendable {
    let names: [SensorName]
    private let steps: [(from: Int, to: Int, until: Instant)]  // in the order in which the renames were said

    init(_ sensor: SensorName, _ renames: [SensorRename]) {
        var names = [sensor]
        var places = [sensor: 0]
        var steps: [(from: Int, to: Int, until: Instant)] = []
        for rename in renames {
            guard let from = places[rename.sensor] else { continue }
            let to = places[rename.name] ?? names.count
            if to == names.count {
                names.append(rename.name)
                places[rename.name] = to
            }
            steps.append((from, to, rename.until))
        }
        (self.names, self.steps) = (names, steps)
    }

    /// The place among `names` of the series that a reading of that time belongs to.
    func series(at takenAt: Instant) -> Int {
        var series = 0
        for step in steps where step.from == series && takenAt < step.until { series = step.to }
        return series
    }
}

extension Array {
    /// The place of the first element that satisfies a condition which no element before it does and every one after it does;
    /// `count` when none does.
    fileprivate func partitioningIndex(_ isAfter: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if isAfter(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
