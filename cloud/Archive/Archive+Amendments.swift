internal import Measures

/// Reads the amendments in a device's log.
extension Archive {
    /// - Parameter batch: the last batch whose amendments are included.
    func amendments(of device: Int64, through batch: Int64) throws -> Amendments {
        guard batch > 0 else { return Amendments(corrections: [], calibrations: [], renames: []) }
        return Amendments(
            corrections: try amendmentRows("boot, from_ms, to_ms, offset_ms", "clock_correction", device, batch) { row in
                guard row.integer(3) >= 0, row.integer(3) <= row.integer(4), row.integer(5).magnitude <= Instant.valid.upperBound.ms.magnitude,
                    let boot = UInt32(exactly: row.integer(2))
                else { return nil }
                return ClockCorrection(boot: boot, boottimeMs: row.integer(3)...row.integer(4), offset: .milliseconds(row.integer(5)))
            },
            calibrations: try amendmentRows("sensor, from_ms, said_at_ms, gain_ppm, offset_mpct", "calibration", device, batch) { row in
                guard let sensor = SensorName(row.text(2)) else { return nil }
                let found = Calibration(
                    sensor: sensor, from: Instant(ms: row.integer(3)), enteredAt: Instant(ms: row.integer(4)),
                    gainPpm: Int32(clamping: row.integer(5)),
                    offsetMpct: Int32(clamping: row.integer(6)))
                return found.isValid ? found : nil
            },
            renames: try amendmentRows("sensor, name, until_ms, said_at_ms", "sensor_rename", device, batch) { row in
                guard let sensor = SensorName(row.text(2)), let name = SensorName(row.text(3)) else { return nil }
                let found = SensorRename(sensor: sensor, name: name, until: Instant(ms: row.integer(4)), enteredAt: Instant(ms: row.integer(5)))
                return found.isValid ? found : nil
            })
    }

    /// The rows of one table of amendments in the order of the device's log: epochs in the order of arrival, then by sequence.
    /// - Parameter make: returns `nil` for a row with invalid values (the row was edited or is damaged); the row is then skipped.
    private func amendmentRows<Amendment>(
        _ columns: String, _ table: String, _ device: Int64, _ batch: Int64, _ make: (Row) -> Amendment?
    ) throws -> [Amendment] {
        var places: [Int64: Int] = [:]  // epoch -> its number in the order of arrival
        var rows: [(epoch: Int, sequence: Int64, amendment: Amendment)] = []
        for row in try database.rows("SELECT epoch, sequence, \(columns) FROM \(table) WHERE device = ? AND batch <= ? ORDER BY id", device, batch) {
            let index = places[row.integer(0)] ?? places.count
            places[row.integer(0)] = index
            if let amendment = make(row) { rows.append((index, row.integer(1), amendment)) }
        }
        return rows.sorted { ($0.epoch, $0.sequence) < ($1.epoch, $1.sequence) }.map(\.amendment)
    }
}
