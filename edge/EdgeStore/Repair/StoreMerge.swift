internal import Forecasting
internal import Measures
internal import SQLite
internal import Wire

/// Merges the rows of another store into this one: the readable rows of a damaged file, all rows of an older version, or the rows kept in
/// memory while the disk failed. Rows keep their epoch and sequence.
struct StoreMerge {
    let target: Connection

    /// The merged rows and the missing rows. One report may cover several sources of the same store.
    struct Report {
        var isDamaged = false
        var readings: Int64 = 0  // in the target
        var unidentified: Int64 = 0  // readings whose life or sensor is unknown
        var lost: [Lost] = []  // undelivered rows that could not be read
        var mergesDelivery = false  // two files of the same store: merge their held and undeliverable ranges
        var lastSequences: [Epoch: Int64] = [:]  // the highest sequence assigned per epoch, where known
        fileprivate(set) var lives = Lives()
        fileprivate var sensors: [Int64: Int64] = [:]  // ids in the target by id in the source

        /// - Parameter known: the lives known before the file was read again.
        init(known: [Life] = []) { lastSequences = Dictionary(known.map { ($0.epoch, $0.last) }, uniquingKeysWith: max) }

        /// Whether a row is from a failed commit. The commit was never acknowledged, and the content of the row is stored again under another key.
        fileprivate func isUnacknowledged(_ key: Int64) -> Bool {
            guard let epoch = lives.epoch[RowKey(key).life], let last = lastSequences[epoch] else { return false }
            return RowKey(key).sequence > last
        }

        /// Whether rows are missing. If the file is damaged and the number of assigned sequences is unknown, damage may have hidden rows.
        var isIncomplete: Bool { !lost.isEmpty || unidentified > 0 || isDamaged && lastSequences.isEmpty }

        struct Lost {
            let epoch: Epoch
            let sequences: ClosedRange<Int64>
            var from: Instant
            var to: Instant
        }
    }

    /// - Parameter skipsDamage: `true` skips damage; `false` throws on damage.
    func merge(from source: Connection, skipsDamage: Bool, _ report: inout Report) throws {
        let version = (try? source.integer("PRAGMA user_version")) ?? nil
        let hasChecksums = version != 1  // version 1 had no checksums
        // Look for a table instead of trusting the version: a damaged store may have pages of an earlier version, and a flipped bit changes
        // the version number.
        let (legacy, hasTables) = (LegacyMeta(source), (try? source.prepare("SELECT 1 FROM life_copy")) != nil)
        report.unidentified = 0
        try target.transaction {
            try mergeLives(source, hasChecksums, legacy, &report)
            try mergeSensors(source, hasChecksums, legacy, &report)
            try mergeReadings(source, hasChecksums, &report)
            try mergeRecords(source, hasChecksums, &report)
            try mergeDelivery(source, hasChecksums, &report)
            try mergeDerived(source, &report)
            try mergeCorrections(source, legacy, hasTables: hasTables, &report)
            try mergeAlarms(source, legacy, hasTables: hasTables, &report)
            try mergeMeta(source, &report)
            report.readings = try target.integer("SELECT COUNT(*) FROM reading") ?? 0
            report.lost = skipsDamage ? try lost(report) : []
        }
        if report.isDamaged, !skipsDamage { throw StoreFault.damaged }
    }

    /// For each life, by its number in the source: its number in the target, its epoch and its last sequence.
    struct Lives {
        var number: [Int64: Int64] = [:]
        var epoch: [Int64: Epoch] = [:]
        var last: [Int64: Int64] = [:]

        func key(_ key: Int64) -> Int64? {
            let key = RowKey(key)
            return number[key.life].map { RowKey(life: $0, sequence: key.sequence).value }
        }
    }

    private func mergeLives(_ source: Connection, _ hasChecksums: Bool, _ legacy: LegacyMeta, _ report: inout Report) throws {
        var scan = TableScan(
            source, table: "life", key: "number", columns: "epoch, began_at_ms, reason, last, evicted, refused\(hasChecksums ? ", checksum" : "")")
        try scan.forEach { row in
            let epoch = Epoch(bits: UInt64(bitPattern: row.integer(1)))
            var life = Life(number: row.integer(0), epoch: epoch, last: row.integer(4))
            guard !hasChecksums || row.integer(7) == RowChecksum.of(life) else {
                report.isDamaged = true
                return false
            }
            (life.evicted, life.refused) = (row.integer(5), row.integer(6))
            try mergeLife(life, beganAt: Instant(ms: row.integer(2)), reason: row.text(3), &report.lives)
            return true
        }
        report.isDamaged = report.isDamaged || scan.isDamaged
        // Restore lives whose row is damaged from the copies in another part of the file.
        for (number, epoch) in legacy.lives + Self.lifeCopies(source) where report.lives.number[number] == nil {
            report.isDamaged = true
            try mergeLife(Life(number: number, epoch: epoch), beganAt: Instant(ms: 0), reason: "the row of this life was damaged", &report.lives)
        }
    }

    private static func lifeCopies(_ source: Connection) -> [(number: Int64, epoch: Epoch)] {
        source.readableRows("SELECT number, epoch FROM life_copy") { ($0.integer(0), Epoch(bits: UInt64(bitPattern: $0.integer(1)))) }
    }

    private func mergeLife(_ life: Life, beganAt: Instant, reason: String, _ lives: inout Lives) throws {
        if lives.epoch[life.number] == nil { lives.epoch[life.number] = life.epoch }
        guard lives.epoch[life.number] == life.epoch else { return }  // two sources differ: keep the first
        lives.last[life.number] = max(lives.last[life.number] ?? 0, life.last)
        guard lives.number[life.number] == nil else { return }
        var find = try target.prepare("SELECT number FROM life WHERE epoch = ?", Int64(bitPattern: life.epoch.bits))
        if try find.step() { return lives.number[life.number] = find.integer(0) }
        let highest = try target.integer("SELECT MAX(number) FROM life") ?? 0
        let new = life.number > highest ? life.number : Life.number(after: highest)
        lives.number[life.number] = new
        var moved = Life(number: new, epoch: life.epoch, last: life.last)
        (moved.evicted, moved.refused) = (life.evicted, life.refused)
        try LifeTable.insert(moved, beganAt: beganAt, reason: reason, into: target)
    }

    private func mergeSensors(_ source: Connection, _ hasChecksums: Bool, _ legacy: LegacyMeta, _ report: inout Report) throws {
        var scan = TableScan(source, table: "sensor", key: "id", columns: "name, record, state\(hasChecksums ? ", checksum" : "")")
        try scan.forEach { row in
            guard !hasChecksums || row.integer(4) == RowChecksum.of(key: row.integer(0), name: row.text(1)) else {
                report.isDamaged = true
                return false
            }
            if report.sensors[row.integer(0)] == nil {
                report.sensors[row.integer(0)] = try mergeSensor(sensor: row.text(1), wantedID: row.integer(0), row.blob(2), row.text(3))
            }
            return true
        }
        report.isDamaged = report.isDamaged || scan.isDamaged
        for (id, name) in legacy.sensors + Self.sensorCopies(source) where report.sensors[id] == nil {
            report.isDamaged = true
            let record = SensorRecord(sensor: name, kind: "unknown", step: .seconds(600))
            report.sensors[id] = try mergeSensor(sensor: name.name, wantedID: id, RecordCoding.bytes(.sensor(record)), "ok")
        }
    }

    private static func sensorCopies(_ source: Connection) -> [(id: Int64, name: SensorName)] {
        source.readableRows("SELECT id, name FROM sensor_copy") { row in SensorName(row.text(1)).map { (row.integer(0), $0) } }
    }

    private func mergeSensor(sensor name: String, wantedID: Int64, _ record: [UInt8], _ state: String) throws -> Int64? {
        guard SensorName(name) != nil else { return nil }
        var known = try target.prepare("SELECT id FROM sensor WHERE name = ?", name)
        if try known.step() { return known.integer(0) }
        var free = try target.prepare(
            "SELECT CASE WHEN EXISTS (SELECT 1 FROM sensor WHERE id = ?1) THEN (SELECT MAX(id) + 1 FROM sensor) ELSE ?1 END", wantedID)
        guard try free.step() else { return nil }
        let id = free.integer(0)
        try SensorTable.insert(id, name, record, state: state, into: target)
        return id
    }

    private func mergeReadings(_ source: Connection, _ hasChecksums: Bool, _ report: inout Report) throws {
        let columns = "sensor, taken_at_ms, humidity_mpct, temperature_mc, pressure_pa, flags, clock, boot, boottime_ms"
        var scan = TableScan(source, table: "reading", key: "key", columns: hasChecksums ? columns + ", checksum" : columns)
        var insert = try target.prepare("INSERT INTO reading VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
        try scan.forEach { row in
            guard let reading = hasChecksums ? try? row.reading().reading : row.uncheckedReading() else {
                report.isDamaged = true
                return false
            }
            guard !report.isUnacknowledged(row.integer(0)) else { return true }
            guard let key = report.lives.key(row.integer(0)), let sensor = report.sensors[row.integer(1)] else {
                report.unidentified += 1
                return true
            }
            try insert.bindReading(key: key, sensor: sensor, reading)
            try insert.run()
            return true
        }
        report.isDamaged = report.isDamaged || scan.isDamaged
    }

    private func mergeRecords(_ source: Connection, _ hasChecksums: Bool, _ report: inout Report) throws {
        var scan = TableScan(source, table: "record", key: "key", columns: hasChecksums ? "body, checksum" : "body")
        var insert = try target.prepare("INSERT INTO record VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
        try scan.forEach { row in
            guard let key = report.lives.key(row.integer(0)), let record = hasChecksums ? try? row.record() : try? RecordCoding.record(row.blob(1))
            else {
                report.isDamaged = true
                return false
            }
            guard !report.isUnacknowledged(row.integer(0)) else { return true }
            try insert.bindRecord(key: key, RecordCoding.bytes(record))
            try insert.run()
            try CorrectionTable.save(record, in: target)  // version 3 had no table of calibrations
            return true
        }
        report.isDamaged = report.isDamaged || scan.isDamaged
    }

    /// Merges the held and undeliverable ranges of each life. Damaged ranges are discarded, and their rows are sent again.
    private func mergeDelivery(_ source: Connection, _ hasChecksums: Bool, _ report: inout Report) throws {
        func keep(_ known: Life) throws {
            var life = known
            if report.mergesDelivery, let here = try DeliveryCoding.read(life.number, in: target) {
                (life.held, life.undeliverable) = (life.held.union(here.held), life.undeliverable.union(here.undeliverable))
            }
            let isKnown = try DeliveryCoding.read(life.number, in: target) != nil
            if report.mergesDelivery || !isKnown { try DeliveryCoding.save(life, in: target) }
        }
        guard hasChecksums else {  // version 1 stored the held ranges as rows
            for (old, number) in report.lives.number {
                var life = Life(number: number, epoch: Epoch(bits: 0))
                var select = try source.prepare("SELECT first, last FROM held WHERE life = ?")
                try select.bind(old, at: 1)
                while try select.step() { life.held.insert(select.integer(0)...select.integer(1)) }
                try keep(life)
            }
            return
        }
        var scan = TableScan(source, table: "delivery", key: "life", columns: "body, checksum")
        try scan.forEach { row in
            guard let number = report.lives.number[row.integer(0)], row.integer(2) == RowChecksum.of(key: row.integer(0), body: row.blob(1)),
                let known = try? DeliveryCoding.delivery(row.blob(1))
            else {
                report.isDamaged = true
                return false
            }
            var life = Life(number: number, epoch: Epoch(bits: 0))
            (life.held, life.undeliverable) = known
            try keep(life)
            return true
        }
        report.isDamaged = report.isDamaged || scan.isDamaged
    }

    /// Observations, forecasts and scores.
    private func mergeDerived(_ source: Connection, _ report: inout Report) throws {
        let (lives, sensors) = (report.lives, report.sensors)
        var observation = try target.prepare("INSERT INTO observation VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
        try forEachRowFromBothEnds(
            source, "SELECT sensor, valid_at_ms, humidity_mpct, temperature_mc, through FROM observation", order: "sensor, valid_at_ms", &report
        ) { row in
            guard let sensor = sensors[row.integer(0)], (0...100_000).contains(row.integer(2)) else { return }
            try observation.bind(sensor, at: 1)
            try observation.bind(row.integer(1), at: 2)
            try observation.bind(row.integer(2), at: 3)
            try observation.bind(row.optionalInteger(3), at: 4)
            try observation.bind(lives.key(row.integer(4)) ?? 0, at: 5)
            try observation.run()
        }
        var forecasts = TableScan(source, table: "forecast", key: "key", columns: "issued_at_ms, release, body")
        var forecast = try target.prepare("INSERT INTO forecast VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING")
        try forecasts.forEach { row in
            let origin = ForecastKey.origin(row.integer(0))
            guard let sensor = sensors[ForecastKey.sensor(row.integer(0))], (try? StoredForecast.forecast(row.blob(3), origin: origin)) != nil
            else { return false }
            try forecast.bind(ForecastKey.value(sensor: sensor, origin: origin), at: 1)
            try forecast.bind(row.integer(1), at: 2)
            try forecast.bind(row.integer(2), at: 3)
            try forecast.bind(row.blob(3), at: 4)
            try forecast.run()
            return true
        }
        report.isDamaged = report.isDamaged || forecasts.isDamaged
        var score = try target.prepare("INSERT INTO score VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
        try forEachRowFromBothEnds(
            source,
            """
            SELECT day, release, sensor, lead_time_s, count, absolute_error, persistence_error, climatology_error, pinball, covered FROM score
            """, order: "day, release, sensor, lead_time_s", &report
        ) { row in
            guard let sensor = sensors[row.integer(2)] else { return }
            for (column, value) in [row.integer(0), row.integer(1), sensor, row.integer(3), row.integer(4)].enumerated() {
                try score.bind(value, at: Int32(column + 1))
            }
            for column in 5...8 as ClosedRange<Int32> { try score.bind(row.double(column), at: column + 1) }
            try score.bind(row.integer(9), at: 10)
            try score.run()
        }
        try mergeComparisons(source, &report)
    }

    private func mergeComparisons(_ source: Connection, _ report: inout Report) throws {
        guard (try? source.prepare("SELECT 1 FROM comparison")) != nil else { return }  // versions up to 4
        let sensors = report.sensors
        try forEachRowFromBothEnds(
            source, "SELECT day, release, rival, sensor, lead_time_s, count, error, rival_error, persistence_error FROM comparison",
            order: "day, release, rival, sensor, lead_time_s", &report
        ) { row in
            guard let sensor = sensors[row.integer(3)] else { return }
            try target.run(
                "INSERT INTO comparison VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", row.integer(0), row.integer(1), row.integer(2),
                sensor, row.integer(4), row.integer(5), row.double(6), row.double(7), row.double(8))
        }
    }

    /// Reads a table without integer key from the front up to damage, then from the back up to damage. `body` must accept repeated rows.
    func forEachRowFromBothEnds(
        _ source: Connection, _ sql: String, order: String, _ report: inout Report, _ body: (borrowing Statement) throws -> Void
    ) throws {
        for direction in ["ASC", "DESC"] {
            let ordered = order.split(separator: ",").map { "\($0) \(direction)" }.joined(separator: ",")
            guard var select = try? source.prepare("\(sql) ORDER BY \(ordered)") else { return report.isDamaged = true }
            var isComplete = false
            while true {
                guard let isRow = try? select.step() else { break }
                guard isRow else {
                    isComplete = true
                    break
                }
                try body(select)
            }
            if isComplete { return }
            report.isDamaged = true
        }
    }
}

extension Connection {
    /// The rows of a result up to the first row that cannot be read.
    func readableRows<Row>(_ sql: String, _ row: (borrowing Statement) -> Row?) -> [Row] {
        guard var select = try? prepare(sql) else { return [] }
        var rows: [Row] = []
        while (try? select.step()) == true { if let row = row(select) { rows.append(row) } }
        return rows
    }
}
