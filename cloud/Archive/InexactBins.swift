internal import Measures
internal import Observing
internal import SQLite

/// Bins from which readings were removed. Counts and sums can be subtracted; extremes and flags cannot. Extremes and flags are computed again from
/// the log, in a separate pass with a bounded number of bins at a time.
struct InexactBins {
    struct Key: Sendable, Hashable {
        let sensor: Int64
        let validAt: Instant
    }

    /// Extremes and flags of the readings that the pass has visited so far. Counts and sums in these bins are not used.
    var partial: [Key: Bin] = [:]
    var sensors: [SensorName: (id: Int64, grid: TimeGrid)] = [:]

    static let perPass = 10_000  // the most bins of one pass
}

extension Archive {
    func hasInexactBins(_ device: Int64) throws -> Bool {
        try integer("SELECT 1 FROM sensor s JOIN inexact_bin b ON b.sensor = s.id WHERE s.device = ? LIMIT 1", device) != nil
    }

    /// The bins of the current pass. No bins are added until the pass is over.
    func inexactBins(of device: Int64) throws -> InexactBins {
        var bins = InexactBins()
        var select = try database.prepare(
            """
            SELECT b.sensor, b.valid_at_ms, b.humidity_min_mpct, b.humidity_max_mpct, b.flags FROM sensor s
            JOIN inexact_bin b ON b.sensor = s.id WHERE s.device = ? ORDER BY b.sensor, b.valid_at_ms LIMIT \(InexactBins.perPass)
            """)
        try select.bind(device, at: 1)
        while try select.step() {
            let key = InexactBins.Key(sensor: select.integer(0), validAt: Instant(ms: select.integer(1)))
            var bin = Bin(validAt: key.validAt)
            (bin.humidityMinMpct, bin.humidityMaxMpct) = (select.optionalInteger(2) ?? .max, select.optionalInteger(3) ?? .min)
            bin.flags = ReadingFlags(rawValue: UInt16(truncatingIfNeeded: select.integer(4)))
            bins.partial[key] = bin
        }
        var sensors = try database.prepare("SELECT name, id FROM sensor WHERE device = ?")
        try sensors.bind(device, at: 1)
        while try sensors.step() {
            guard let name = SensorName(sensors.text(0)), let grid = try grid(of: name, device) else { continue }
            bins.sensors[name] = (sensors.integer(1), grid)
        }
        return bins
    }

    func markInexact(_ sensor: Int64, _ validAt: Instant) throws {
        var insert = try database.prepare("INSERT INTO inexact_bin (sensor, valid_at_ms) VALUES (?, ?) ON CONFLICT DO NOTHING")
        try insert.bind(sensor, at: 1)
        try insert.bind(validAt.ms, at: 2)
        try insert.run()
    }

    /// Stores the intermediate extremes and flags; at the end of the pass (`isFinal`), writes them to the observations.
    func save(_ partial: [InexactBins.Key: Bin], isFinal: Bool) throws {
        let table = isFinal ? "observation_bin" : "inexact_bin"
        var update = try database.prepare(
            "UPDATE \(table) SET humidity_min_mpct = ?, humidity_max_mpct = ?, flags = ? WHERE sensor = ? AND valid_at_ms = ?")
        var delete = try database.prepare("DELETE FROM inexact_bin WHERE sensor = ? AND valid_at_ms = ?")
        for (key, bin) in partial {
            let isEmpty = bin.humidityMinMpct > bin.humidityMaxMpct
            try update.bind(isEmpty ? nil : bin.humidityMinMpct, at: 1)
            try update.bind(isEmpty ? nil : bin.humidityMaxMpct, at: 2)
            try update.bind(Int64(bin.flags.rawValue), at: 3)
            try update.bind(key.sensor, at: 4)
            try update.bind(key.validAt.ms, at: 5)
            try update.run()
            guard isFinal else { continue }
            try delete.bind(key.sensor, at: 1)
            try delete.bind(key.validAt.ms, at: 2)
            try delete.run()
        }
    }
}
