internal import Measures
internal import Wire

/// A device's later changes to its earlier readings: clock corrections, calibrations and renames of sensors.
///
/// Built once for many readings: each reading then costs one binary search in the amendments.
struct Amendments: Sendable {
    private let corrections: [UInt32: [CorrectedSpan]]  // by boot; sorted by boot time, not overlapping
    private let calibrations: [SensorName: [Calibration]]  // by series; sorted by the time from which each applies
    let renames: [SensorRename]  // in the order in which the device issued them
    let boots: ClosedRange<UInt32>?  // from the first to the last boot that has a clock correction

    private struct CorrectedSpan {
        let boottimeMs: ClosedRange<Int64>
        let offsetMs: Int64
    }

    /// All three arrays are in the order of the log.
    init(corrections: [ClockCorrection], calibrations: [Calibration], renames: [SensorRename]) {
        let renames = renames.sortedByEntry()
        self.renames = renames
        self.corrections = Amendments.spans(corrections)
        self.calibrations = Amendments.effectiveCalibrations(calibrations.sortedByEntry().map { renames.renamed($0) })
        let boots = corrections.map(\.boot)
        self.boots = boots.min().flatMap { first in boots.max().map { first...$0 } }
    }

    static func amends(_ record: Record) -> Bool {
        switch record {
        case .clockCorrection, .calibration, .rename: true
        case .hole, .sensor: false
        }
    }

    /// If several corrections cover one boot time, the last correction applies.
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

    /// If several calibrations cover a reading, the calibration issued last applies: an earlier calibration ends at the start of a later one.
    private static func effectiveCalibrations(_ ordered: [Calibration]) -> [SensorName: [Calibration]] {
        var effectiveCalibrations: [SensorName: [Calibration]] = [:]
        for calibration in ordered.reversed() {
            if let last = effectiveCalibrations[calibration.sensor]?.last, last.from <= calibration.from { continue }
            effectiveCalibrations[calibration.sensor, default: []].append(calibration)
        }
        return effectiveCalibrations.mapValues { $0.reversed() }
    }

    /// The reading with all amendments applied, and the series that the reading belongs to, as an index into `path.names`.
    /// - Parameter path: the chain that starts with the name of the reading's sensor.
    func amended(_ reading: Reading, of path: RenameChain) -> (series: Int, reading: Reading) {
        var reading = reading
        if let correctedTime = correctedTime(of: reading) { reading.takenAt = correctedTime }
        let series = path.series(at: reading.takenAt)
        if !calibrations.isEmpty, let known = calibrations[path.names[series]] {
            let after = known.partitioningIndex { $0.from > reading.takenAt }
            if after > 0 { reading = known[after - 1].corrected(reading) }
        }
        return (series, reading)
    }

    private func correctedTime(of reading: Reading) -> Instant? {
        guard !corrections.isEmpty, reading.hasHostClock, let spans = corrections[reading.boot] else { return nil }
        let index = spans.partitioningIndex { $0.boottimeMs.upperBound >= reading.boottimeMs }
        guard index < spans.count, spans[index].boottimeMs.contains(reading.boottimeMs) else { return nil }
        return Instant(ms: reading.boottimeMs + spans[index].offsetMs)
    }
}

/// The series that a sensor's readings may belong to: the sensor's own name, and every later name of the sensor.
struct RenameChain: Sendable {
    let names: [SensorName]
    private let steps: [(from: Int, to: Int, until: Instant)]  // in the order in which the renames were issued

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

    /// The index into `names` of the series that a reading taken at this time belongs to.
    func series(at takenAt: Instant) -> Int {
        var series = 0
        for step in steps where step.from == series && takenAt < step.until { series = step.to }
        return series
    }
}

extension Array {
    /// The index of the first element that satisfies the condition; `count` if none does. Every element after the first match must also satisfy
    /// the condition.
    fileprivate func partitioningIndex(_ isAfter: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if isAfter(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
