/// A linear correction of one sensor's measured humidity, for readings taken at or after an instant.
///
/// Readings are stored uncorrected. If several calibrations cover a reading, the one entered last applies: a new calibration replaces a wrong
/// one.
package struct Calibration: Sendable, Hashable {
    /// The allowed gains, in millionths.
    package static let gainRangePpm: ClosedRange<Int32> = 500_000...2_000_000
    /// The allowed offsets, in thousandths of a percent.
    package static let offsetRangeMpct: ClosedRange<Int32> = -50_000...50_000

    package var sensor: SensorName
    package var from: Instant
    package var enteredAt: Instant
    package var gainPpm: Int32
    package var offsetMpct: Int32

    /// - Parameter enteredAt: when the calibration was entered; `nil`: at `from`.
    package init(sensor: SensorName, from: Instant, enteredAt: Instant? = nil, gainPpm: Int32 = 1_000_000, offsetMpct: Int32 = 0) {
        self.sensor = sensor
        self.from = from
        self.enteredAt = enteredAt ?? from
        self.gainPpm = gainPpm
        self.offsetMpct = offsetMpct
    }

    package var isValid: Bool {
        Self.gainRangePpm.contains(gainPpm) && Self.offsetRangeMpct.contains(offsetMpct) && Instant.valid.contains(from)
            && Instant.valid.contains(enteredAt)
    }

    /// measured · gain + offset, rounded to the nearest thousandth and limited to 0 to 100 %. A value outside `HumidityRange.linear` stays
    /// unchanged.
    package func corrected(_ mpct: Int32) -> Int32 {
        guard HumidityRange.linear.contains(mpct) else { return mpct }
        return max(0, min(100_000, scaled(mpct)))
    }

    private func scaled(_ mpct: Int32) -> Int32 {
        let scaled = Int64(mpct) * Int64(gainPpm)
        let half: Int64 = scaled < 0 ? -500_000 : 500_000
        return Int32(clamping: (scaled + half) / 1_000_000 + Int64(offsetMpct))
    }

    /// The calibration from two reference points: the measured and the true humidity at each, in %.
    /// - Returns: `nil` if the two measured values differ by less than 10 %, or if the gain or the offset is out of range.
    package static func twoPoint(
        _ first: (measured: Double, reference: Double), _ second: (measured: Double, reference: Double), sensor: SensorName, from: Instant
    )
        -> Calibration?
    {
        guard abs(second.measured - first.measured) >= 10 else { return nil }
        let gain = (second.reference - first.reference) / (second.measured - first.measured)
        let offset = first.reference - gain * first.measured
        guard gain.magnitude < 1_000, offset.magnitude < 1_000 else { return nil }
        let found = Calibration(
            sensor: sensor, from: from, gainPpm: Int32((gain * 1_000_000).rounded()), offsetMpct: Int32((offset * 1_000).rounded()))
        return found.isValid ? found : nil
    }
}

extension Calibration {
    /// The reading with corrected humidity. The flag `impossible` depends on the corrected value: a calibration can make a value above 110 % from
    /// a drifting sensor possible again.
    package func corrected(_ reading: Reading) -> Reading {
        guard let measured = reading.humidityMpct else { return reading }
        let range = HumidityRange.of(reading.flags)
        // The driver itself flagged a value within the range as impossible. The value is not a measurement, and no calibration applies to it.
        if reading.flags.contains(.impossible), range.contains(measured) { return reading }
        var reading = reading
        let corrected = scaled(measured)
        if range.contains(corrected) {
            reading.flags.remove(.impossible)
            reading.humidityMpct = max(0, min(100_000, corrected))
        } else {
            reading.flags.insert(.impossible)
            reading.humidityMpct = corrected
        }
        return reading
    }
}

extension [Calibration] {
    /// Sorted by `enteredAt`; calibrations with equal `enteredAt` keep their order. Rows of different epochs can arrive in another order.
    package func sortedByEntry() -> Self {
        enumerated().sorted { ($0.element.enteredAt, $0.offset) < ($1.element.enteredAt, $1.offset) }.map(\.element)
    }

    /// The reading with the last calibration in `self` that covers its sensor and time, or the unchanged reading if there is none.
    /// - Parameter self: sorted by `sortedByEntry()`.
    package func corrected(_ reading: Reading, of sensor: SensorName) -> Reading {
        last { $0.sensor == sensor && $0.from <= reading.takenAt }?.corrected(reading) ?? reading
    }
}
