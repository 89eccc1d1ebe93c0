/// How the humidity that a sensor says is corrected, for its readings taken since an instant. Readings are kept as they were said;
/// of several calibrations that cover a reading the one said last counts, so that a wrong one is undone by another.
package struct Calibration: Sendable, Hashable {
    package static let gains: ClosedRange<Int32> = 500_000...2_000_000  // millionths
    package static let offsets: ClosedRange<Int32> = -50_000...50_000  // thousandths of a percent

    package var sensor: SensorName
    package var from: Instant
    package var saidAt: Instant
    package var gainPpm: Int32
    package var offsetMpct: Int32

    /// - Parameter saidAt: `nil` where it is said as it begins.
    package init(sensor: SensorName, from: Instant, saidAt: Instant? = nil, gainPpm: Int32 = 1_000_000, offsetMpct: Int32 = 0) {
        self.sensor = sensor
        self.from = from
        self.saidAt = saidAt ?? from
        self.gainPpm = gainPpm
        self.offsetMpct = offsetMpct
    }

    package var isValid: Bool {
        Self.gains.contains(gainPpm) && Self.offsets.contains(offsetMpct) && Instant.valid.contains(from) && Instant.valid.contains(saidAt)
    }

    /// said · gain + offset, to the nearest thousandth, cut to 0 to 100 %. What no air has stays as it is.
    package func corrected(_ mpct: Int32) -> Int32 {
        guard HumidityRange.linear.contains(mpct) else { return mpct }
        return max(0, min(100_000, scaled(mpct)))
    }

    private func scaled(_ mpct: Int32) -> Int32 {
        let scaled = Int64(mpct) * Int64(gainPpm)
        let half: Int64 = scaled < 0 ? -500_000 : 500_000
        return Int32(clamping: (scaled + half) / 1_000_000 + Int64(offsetMpct))
    }

    /// Through two references: what the sensor said there, and what was true, in %.
    /// - Returns: `nil` where they are too near to each other, or what comes out is no calibration.
    package static func through(_ first: (said: Double, truth: Double), _ second: (said: Double, truth: Double), sensor: SensorName, from: Instant)
        -> Calibration?
    {
        guard abs(second.said - first.said) >= 10 else { return nil }
        let gain = (second.truth - first.truth) / (second.said - first.said)
        let offset = first.truth - gain * first.said
        guard gain.magnitude < 1_000, offset.magnitude < 1_000 else { return nil }
        let found = Calibration(
            sensor: sensor, from: from, gainPpm: Int32((gain * 1_000_000).rounded()), offsetMpct: Int32((offset * 1_000).rounded()))
        return found.isValid ? found : nil
    }
}

extension Calibration {
    /// Whether a value is impossible is judged after the calibration: it may bring back what a drifting sensor says beyond 110 %.
    package func corrected(_ reading: Reading) -> Reading {
        guard let said = reading.humidityMpct else { return reading }
        let range = HumidityRange.of(reading.flags)
        // A value within the range that the driver calls impossible is none, whatever its number.
        if reading.flags.contains(.impossible), range.contains(said) { return reading }
        var reading = reading
        let corrected = scaled(said)
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
    /// In the order in which they were said: rows of another epoch may come in another one. What was said at once stays as it was.
    package func ordered() -> Self { enumerated().sorted { ($0.element.saidAt, $0.offset) < ($1.element.saidAt, $1.offset) }.map(\.element) }

    /// - Parameter self: ordered.
    package func corrected(_ reading: Reading, of sensor: SensorName) -> Reading {
        last { $0.sensor == sensor && $0.from <= reading.takenAt }?.corrected(reading) ?? reading
    }
}
