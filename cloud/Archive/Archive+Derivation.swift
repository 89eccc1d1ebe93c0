internal import Bytes
internal import Measures
internal import Observing
internal import SQLite
internal import Wire

/// Observations follow from the log: batch by batch in its order, late data and corrected times included.
///
/// A connection that only reads unpacks and sums; one short transaction of the writer takes the sums over. What they are is
/// decided by the log alone: deriving all of it again gives the same.
extension Archive {
    /// What some batches of the log add to the bins.
    package struct Derived: Sendable {
        let after: Int64  // the batch before the first
        var through: Int64
        var buffer = BinBuffer()
        package var readings = 0
        package var unreadable: [Int64] = []  // batches of the log
        package var isEmpty: Bool { through == after }
    }

    /// Readings dated further ahead of their arrival wait for a correction: they would be the newest for ever.
    private static let futureTolerance: Duration = .seconds(86_400)

    /// Sums the batches that are not derived yet, up to about `limit` readings.
    package func derivation(limit: Int = 200_000) throws -> Derived {
        let after = try database.integer("SELECT through FROM derived WHERE name = 'observations'") ?? 0
        var derived = Derived(after: after, through: after)
        var select = try database.prepare("SELECT id, device, received_at_ms, body FROM batch WHERE id > ? ORDER BY id")
        try select.bind(after, at: 1)
        var amendments: [Int64: Amendments] = [:]
        while derived.readings < limit, try select.step() {
            let (id, device, receivedAt) = (select.integer(0), select.integer(1), Instant(ms: select.integer(2)))
            derived.through = id
            // One that is damaged must not keep the others from being derived.
            guard let frame = try? BatchFrame(select.blob(3)), (try? frame.forEachReading { _, _ in }) != nil else {
                derived.unreadable.append(id)
                continue
            }
            if frame.records.contains(where: { Amendments.amends($0.record) }) {
                let before = try amendments[device] ?? self.amendments(of: device, before: id)
                let now = try self.amendments(of: device, before: id + 1)
                try move(device, before: id, from: before, to: now, &derived.buffer)
                amendments[device] = now
            }
            let known = try amendments[device] ?? self.amendments(of: device, before: id)
            amendments[device] = known
            let keys = try seriesKeys(frame, device, known.renames, &derived.buffer)
            try frame.forEachReading { place, said in
                let (series, reading) = known.amended(said, of: frame.sensors[place])
                guard reading.takenAt <= receivedAt + Archive.futureTolerance else { return }
                derived.buffer.add(reading, at: reading.takenAt, to: keys.key(place, series))
            }
            derived.readings += frame.readingCount
        }
        derived.buffer.close()
        try makeExact(&derived)
        return derived
    }

    /// Takes the sums over, unless another has been there first.
    /// - Returns: whether there was something to take.
    package func take(_ derived: Derived) throws -> Bool {
        guard !derived.isEmpty else { return false }
        // What a power cut takes back is derived again: no fsync of its own, which an ingest would wait for.
        try database.setDurable(false)
        defer { try? database.setDurable(true) }
        return try database.transaction {
            guard try database.integer("SELECT through FROM derived WHERE name = 'observations'") == derived.after else { return true }
            try write(derived.buffer)
            try run("UPDATE derived SET through = ? WHERE name = 'observations'", derived.through)
            return true
        }
    }

    /// Forgets all observations: they are derived again, by this program or by the server that is running.
    package func forgetObservations() throws {
        try database.transaction {
            try database.execute(
                """
                DELETE FROM observation_bin; UPDATE sensor SET observations = 0, last_at_ms = NULL;
                UPDATE derived SET through = 0 WHERE name = 'observations'
                """)
        }
    }

    /// Batches that wait to be derived.
    package func underived() throws -> Int64 {
        try database.integer("SELECT COALESCE(MAX(id), 0) - (SELECT through FROM derived WHERE name = 'observations') FROM batch") ?? 0
    }

    // MARK: sensors of a batch

    /// The places in a buffer of the series that a batch's readings belong to.
    private struct SeriesKeys {
        let names: [SensorName]  // the batch's sensors, then those that they were renamed to
        var keys: [Int]

        func key(_ place: Int, _ series: SensorName) -> Int { keys[names[place] == series ? place : names.lastIndex(of: series) ?? place] }
    }

    private func seriesKeys(_ frame: BatchFrame, _ device: Int64, _ renames: [SensorRename], _ buffer: inout BinBuffer) throws -> SeriesKeys {
        var names = frame.sensors
        for rename in renames where names.contains(rename.sensor) && !names.contains(rename.name) { names.append(rename.name) }
        var keys = SeriesKeys(names: names, keys: [])
        var unknown: [Int] = []
        for (place, name) in names.enumerated() {
            if let known = buffer.place(device, name) {
                keys.keys.append(known)
            } else if let step = try step(of: name, device) {
                keys.keys.append(buffer.note(BinBuffer.Sensor(device: device, name: name, grid: TimeGrid(step: step))))
            } else {
                keys.keys.append(-1)
                unknown.append(place)
            }
        }
        guard !unknown.isEmpty else { return keys }
        // One that no record has announced gets the grid of the readings it comes with; one that only has got its name from another, that one's.
        var times: [Int: [Instant]] = [:]
        try frame.forEachReading { place, reading in if unknown.contains(place) { times[place, default: []].append(reading.takenAt) } }
        for place in unknown {
            let source = renames.last { $0.name == names[place] && names.contains($0.sensor) }.flatMap { names.firstIndex(of: $0.sensor) }
            guard times[place] != nil || source != nil else { continue }  // without readings, then
            let like = source.flatMap { keys.keys[$0] < 0 ? times[$0].map { TimeGrid(takenAt: $0) } : buffer.sensors[keys.keys[$0]].grid }
            let grid = times[place].map { TimeGrid(takenAt: $0) } ?? like ?? .fine
            keys.keys[place] = buffer.note(BinBuffer.Sensor(device: device, name: names[place], grid: grid))
        }
        return keys
    }

    private func step(of name: SensorName, _ device: Int64) throws -> Duration? {
        var select = try database.prepare("SELECT step_s FROM sensor WHERE device = ? AND name = ?")
        try select.bind(device, at: 1)
        try select.bind(name.name, at: 2)
        return try select.step() ? .seconds(select.integer(0)) : nil
    }

    // MARK: corrected times, calibrated values, other names

    /// Of a device, from batches before one, in the order of its log: by epoch as they came, then by sequence.
    private func amendments(of device: Int64, before batch: Int64) throws -> Amendments {
        func select(_ columns: String, _ table: String) throws -> Statement {
            let select = try database.prepare(
                """
                SELECT \(columns) FROM \(table) c WHERE c.device = ?1 AND c.batch < ?2
                ORDER BY (SELECT MIN(o.id) FROM \(table) o WHERE o.device = ?1 AND o.epoch = c.epoch), c.sequence
                """)
            try select.bind(device, at: 1)
            try select.bind(batch, at: 2)
            return select
        }
        var corrections: [ClockCorrection] = []
        var rows = try select("c.boot, c.from_ms, c.to_ms, c.offset_ms", "clock_correction")
        while try rows.step() {
            guard rows.integer(1) <= rows.integer(2) else { continue }
            corrections.append(
                ClockCorrection(
                    boot: UInt32(truncatingIfNeeded: rows.integer(0)), boottimeMs: rows.integer(1)...rows.integer(2),
                    offset: .milliseconds(rows.integer(3))))
        }
        var calibrations: [Calibration] = []
        rows = try select("c.sensor, c.from_ms, c.said_at_ms, c.gain_ppm, c.offset_mpct", "calibration")
        while try rows.step() {
            guard let sensor = SensorName(rows.text(0)) else { continue }
            calibrations.append(
                Calibration(
                    sensor: sensor, from: Instant(ms: rows.integer(1)), saidAt: Instant(ms: rows.integer(2)),
                    gainPpm: Int32(clamping: rows.integer(3)),
                    offsetMpct: Int32(clamping: rows.integer(4))))
        }
        var renames: [SensorRename] = []
        rows = try select("c.sensor, c.name, c.until_ms, c.said_at_ms", "sensor_rename")
        while try rows.step() {
            guard let sensor = SensorName(rows.text(0)), let name = SensorName(rows.text(1)) else { continue }
            renames.append(SensorRename(sensor: sensor, name: name, until: Instant(ms: rows.integer(2)), saidAt: Instant(ms: rows.integer(3))))
        }
        return Amendments(corrections: corrections, calibrations: calibrations, renames: renames)
    }

    /// Moves readings of earlier batches whose time, value or sensor is now known to be another.
    private func move(_ device: Int64, before batch: Int64, from old: Amendments, to new: Amendments, _ buffer: inout BinBuffer) throws {
        // A calibration or a name is of any start of the host.
        let boots: ClosedRange<UInt32>
        if old.calibrations != new.calibrations || old.renames != new.renames {
            boots = 0...UInt32.max
        } else {
            let corrected = Set(new.corrections.map(\.boot))
            guard let first = corrected.min(), let last = corrected.max() else { return }
            boots = first...last
        }
        var select = try database.prepare(
            "SELECT id, received_at_ms, body FROM batch WHERE device = ? AND id < ? AND boot_first <= ? AND boot_last >= ? ORDER BY id")
        try select.bind(device, at: 1)
        try select.bind(batch, at: 2)
        try select.bind(Int64(boots.upperBound), at: 3)
        try select.bind(Int64(boots.lowerBound), at: 4)
        while try select.step() {
            let latest = Instant(ms: select.integer(1)) + Archive.futureTolerance
            guard let frame = try? BatchFrame(select.blob(2)) else { continue }
            let keys = try seriesKeys(frame, device, new.renames, &buffer)
            try frame.forEachReading { place, said in
                let (was, now) = (old.amended(said, of: frame.sensors[place]), new.amended(said, of: frame.sensors[place]))
                guard was != now else { return }
                if was.reading.takenAt <= latest { buffer.remove(was.reading, at: was.reading.takenAt, from: keys.key(place, was.series)) }
                if now.reading.takenAt <= latest { buffer.add(now.reading, at: now.reading.takenAt, to: keys.key(place, now.series)) }
            }
        }
    }

    /// Bins that lose some of their readings and keep others get their extremes from the log: sums can be taken back, they cannot. A
    /// calibration is about all bins of months: one pass over the device's batches for all of them.
    private func makeExact(_ derived: inout Derived) throws {
        var keys: [Int64: Set<BinBuffer.Key>] = [:]  // by device
        for key in derived.buffer.removed.keys {
            let sensor = derived.buffer.sensors[key.sensor]
            let stored = try bin(sensor, key.validAt)
            let left = (stored?.count ?? 0) + (derived.buffer.bins[key]?.count ?? 0) - (derived.buffer.removed[key]?.count ?? 0)
            if left > 0 { keys[sensor.device, default: []].insert(key) }
        }
        for (device, keys) in keys {
            let amendments = try amendments(of: device, before: derived.through + 1)
            for key in keys { derived.buffer.exact[key] = Bin(validAt: key.validAt) }
            var select = try database.prepare("SELECT received_at_ms, body FROM batch WHERE device = ? AND id <= ? ORDER BY id")
            try select.bind(device, at: 1)
            try select.bind(derived.through, at: 2)
            while try select.step() {
                let latest = Instant(ms: select.integer(0)) + Archive.futureTolerance
                guard let frame = try? BatchFrame(select.blob(1)) else { continue }
                try frame.forEachReading { at, said in
                    let (series, reading) = amendments.amended(said, of: frame.sensors[at])
                    guard let place = derived.buffer.place(device, series) else { return }
                    let key = BinBuffer.Key(sensor: place, validAt: derived.buffer.sensors[place].grid.label(of: reading.takenAt))
                    if reading.takenAt <= latest, keys.contains(key) { derived.buffer.exact[key]?.add(reading) }
                }
            }
        }
    }
}
