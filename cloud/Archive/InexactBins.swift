internal import Measures
internal import Observing

/// Bins from which readings were removed. Counts and sums can be subtracted; extremes and flags cannot. Extremes and flags are computed again from
/// the log, in a separate pass with a bounded number of bins at a time.
struct InexactBins {
    /// Extremes and flags of the readings that the pass has visited so far. Counts and sums in these bins are not used.
    var partial: [BinKey: Bin] = [:]
    var sensors: [SensorName: (id: Int64, grid: TimeGrid)] = [:]

    static let perPass = 10_000  // the most bins of one pass
}

extension Archive {
    func hasInexactBins(_ device: Int64) throws -> Bool {
        try database.integer("SELECT 1 FROM inexact_bin WHERE device = ? LIMIT 1", device) != nil
    }

    /// The bins of the current pass. No bins are added until the pass is over.
    func inexactBins(of device: Int64) throws -> InexactBins {
        var bins = InexactBins()
        for row in try database.rows(
            """
            SELECT sensor, valid_at_ms, humidity_min_mpct, humidity_max_mpct, flags FROM inexact_bin
            WHERE device = ? ORDER BY sensor, valid_at_ms LIMIT \(InexactBins.perPass)
            """, device
        ) {
            let key = BinKey(device: device, sensor: row.integer(0), validAt: Instant(ms: row.integer(1)))
            var bin = Bin(validAt: key.validAt)
            (bin.humidityMinMpct, bin.humidityMaxMpct) = (row.optionalInteger(2) ?? .max, row.optionalInteger(3) ?? .min)
            bin.flags = ReadingFlags(rawValue: UInt16(truncatingIfNeeded: row.integer(4)))
            bins.partial[key] = bin
        }
        for row in try database.rows("SELECT name, id FROM sensor WHERE device = ?", device) {
            guard let name = SensorName(row.text(0)), let grid = try grid(of: name, device) else { continue }
            bins.sensors[name] = (row.integer(1), grid)
        }
        return bins
    }

    /// Stores the intermediate extremes and flags; at the end of the pass (`isFinal`), writes them to the observations.
    func save(_ partial: [BinKey: Bin], isFinal: Bool) throws {
        let table = isFinal ? "observation_bin" : "inexact_bin"
        try database.changeEach(
            "UPDATE \(table) SET humidity_min_mpct = ?, humidity_max_mpct = ?, flags = ? WHERE device = ? AND sensor = ? AND valid_at_ms = ?",
            partial.map { key, bin in
                let isEmpty = bin.humidityMinMpct > bin.humidityMaxMpct
                return [
                    isEmpty ? .null : .integer(bin.humidityMinMpct), isEmpty ? .null : .integer(bin.humidityMaxMpct),
                    .integer(Int64(bin.flags.rawValue)),
                ] + key.columns
            })
        guard isFinal else { return }
        try database.changeEach(
            "DELETE FROM inexact_bin WHERE device = ? AND sensor = ? AND valid_at_ms = ?", partial.keys.map(\.columns))
    }
}
