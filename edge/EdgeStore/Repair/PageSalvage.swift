internal import Measures
internal import SQLite

/// Collects rows from the pages of a damaged store for `StoreMerge`: readings and records with a valid checksum, and the lives and sensors
/// that they belong to.
enum PageSalvage {
    /// - Returns: a separate store beside the damaged one.
    static func collectRows(from path: String, into outputPath: String) throws -> Connection {
        let found = try Connection(path: outputPath)
        // The collected store is temporary: after a crash the salvage starts again.
        try found.execute("PRAGMA journal_mode = OFF")
        try found.execute("PRAGMA synchronous = OFF")
        try StoreSchema.create(in: found)
        try found.transaction {
            // Rows never change, so the first image of a row is as good as any later image. For a life the highest sequence wins; for other
            // rows that change, the last image wins.
            var inserts = Inserts(
                reading: try found.prepare("INSERT OR IGNORE INTO reading VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
                record: try found.prepare("INSERT OR IGNORE INTO record VALUES (?, ?, ?)"),
                life: try found.prepare(
                    """
                    INSERT INTO life VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (number) DO UPDATE
                    SET last = excluded.last, evicted = excluded.evicted, refused = excluded.refused, checksum = excluded.checksum
                    WHERE excluded.epoch = epoch AND excluded.last > last
                    """),
                delivery: try found.prepare(
                    "INSERT INTO delivery VALUES (?1, ?2, ?3) ON CONFLICT (life) DO UPDATE SET body = ?2, checksum = ?3 WHERE ?4 = 0"),
                sensor: try found.prepare(
                    """
                    INSERT INTO sensor VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO UPDATE SET record = ?3, state = ?4 WHERE ?6 = 0 AND name = ?2
                    ON CONFLICT (name) DO NOTHING
                    """),
                // For stores up to version 3: a release counter never decreases.
                meta: try found.prepare(
                    """
                    INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value
                    WHERE name = 'release_counter' AND CAST(excluded.value AS INTEGER) > CAST(value AS INTEGER)
                    """), target: found)
            try PageScan(pageSize: StoreSchema.pageSize).forEach(in: path) { try inserts.insert($0) }
        }
        // A row that got a new key still has its old key in an older image of its page.
        try found.execute(
            """
            DELETE FROM reading WHERE key NOT IN
                (SELECT MAX(key) FROM reading GROUP BY sensor, taken_at_ms, boot, boottime_ms, humidity_mpct, temperature_mc);
            DELETE FROM record WHERE key NOT IN (SELECT MAX(key) FROM record GROUP BY body);
            """)
        return found
    }

    /// Identifies the table of a row by the number and types of the row's columns.
    private struct Inserts: ~Copyable {
        var reading: Statement
        var record: Statement
        var life: Statement
        var delivery: Statement
        var sensor: Statement
        var meta: Statement
        let target: Connection  // for tables with few rows

        mutating func insert(_ row: PageScan.Row) throws {
            let values = row.values
            guard let key = row.key else {
                guard values.count == 2, let name = values[0].text, let value = values[1].text else { return }
                try meta.bind(name, at: 1)
                try meta.bind(value, at: 2)
                return try meta.run()
            }
            guard values.first?.isNull == true else { return }
            switch values.count {
            case 2: try insertCopy(key, values)
            case 3: if values[1].blob != nil { try insertBody(key, values, row.isStale) }
            case 5: if values[2].blob != nil { try insertSensor(key, values, row.isStale) } else { try insertRename(values) }
            case 6: try insertCalibration(values)
            case 8: try insertLife(key, values)
            case 11: try insertReading(key, values)
            case 12: try insertAlarm(values.dropFirst(), number: nil, target: nil)
            case 13: try insertAlarm(values.dropFirst(2), number: key, target: values[1].text)
            default: break
            }
        }

        /// A row of `life_copy` or `sensor_copy`.
        private func insertCopy(_ key: Int64, _ values: [PageScan.Value]) throws {
            if let epoch = values[1].integer { try target.run("INSERT OR IGNORE INTO life_copy VALUES (?, ?)", key, epoch) }
            if let name = values[1].text { try target.run("INSERT OR IGNORE INTO sensor_copy VALUES (?, ?)", key, name) }
        }

        private func insertRename(_ values: [PageScan.Value]) throws {
            guard let sensor = values[1].text.flatMap(SensorName.init), let name = values[2].text.flatMap(SensorName.init),
                let until = values[3].integer, let enteredAt = values[4].integer
            else { return }
            let rename = SensorRename(sensor: sensor, name: name, until: Instant(ms: until), enteredAt: Instant(ms: enteredAt))
            if rename.isValid { try CorrectionTable.save(.rename(rename), in: target) }
        }

        private func insertCalibration(_ values: [PageScan.Value]) throws {
            guard let sensor = values[1].text.flatMap(SensorName.init), let from = values[2].integer, let enteredAt = values[3].integer,
                let gain = values[4].integer, let offset = values[5].integer
            else { return }
            let calibration = Calibration(
                sensor: sensor, from: Instant(ms: from), enteredAt: Instant(ms: enteredAt), gainPpm: Int32(clamping: gain),
                offsetMpct: Int32(clamping: offset))
            if calibration.isValid { try CorrectionTable.save(.calibration(calibration), in: target) }
        }

        /// - Parameter values: the values of `AlarmTable.columns`.
        private func insertAlarm(_ values: ArraySlice<PageScan.Value>, number: Int64?, target name: String?) throws {
            let values = Array(values)
            guard let rule = values[0].text, let sensor = values[1].text.flatMap(SensorName.init), let text = values[2].text,
                let state = values[3].text.flatMap(Alarm.State.init), let since = values[4].integer, let at = values[5].integer
            else { return }
            var alarm = Alarm(
                rule: rule, text: text, sensor: sensor, state: state, since: Instant(ms: since), at: Instant(ms: at), value: values[6].real ?? 0,
                validAt: values[7].integer.map(Instant.init(ms:)))
            if let from = values[8].integer, let percent = values[10].integer {
                alarm.expected = Alarm.Expectation(
                    from: Instant(ms: from), until: values[9].integer.map(Instant.init(ms:)), percent: Int(max(0, min(100, percent))))
            }
            if let number, let name {
                try AlarmTable.insertWaiting(alarm, number: number, target: name, into: target)
            } else if number == nil {
                try AlarmTable.insertRaised(alarm, into: target)
            }
        }

        private mutating func insertReading(_ key: Int64, _ values: [PageScan.Value]) throws {
            func small(_ value: PageScan.Value) -> Int32? { value.integer.flatMap(Int32.init(exactly:)) }
            guard let sensor = values[1].integer, let takenAtMs = values[2].integer, let flags = values[6].integer.flatMap(UInt16.init(exactly:)),
                let clock = values[7].integer.flatMap(UInt8.init(exactly:)).flatMap(ClockQuality.init),
                let boot = values[8].integer.flatMap(UInt32.init(exactly:)), let boottimeMs = values[9].integer
            else { return }
            let found = Reading(
                takenAt: Instant(ms: takenAtMs), humidityMpct: small(values[3]), temperatureMc: small(values[4]), pressurePa: small(values[5]),
                flags: ReadingFlags(rawValue: flags), clock: clock, boot: boot, boottimeMs: boottimeMs)
            guard values[10].integer == RowChecksum.of(key: key, sensor: sensor, found) else { return }
            try reading.bindReading(key: key, sensor: sensor, found)
            try reading.run()
        }

        /// A row of `record`, or, if the key is the number of a life, a row of `delivery`.
        private mutating func insertBody(_ key: Int64, _ values: [PageScan.Value], _ isStale: Bool) throws {
            guard let body = values[1].blob, values[2].integer == RowChecksum.of(key: key, body: body) else { return }
            if key >= 1 << RowKey.sequenceBits {
                try record.bindRecord(key: key, body)
                try record.run()
            } else {
                try delivery.bindRecord(key: key, body)
                try delivery.bind(isStale ? Int64(1) : 0, at: 4)
                try delivery.run()
            }
        }

        private mutating func insertLife(_ number: Int64, _ values: [PageScan.Value]) throws {
            guard let epoch = values[1].integer, let last = values[4].integer, let reason = values[3].text else { return }
            guard values[7].integer == RowChecksum.of(Life(number: number, epoch: Epoch(bits: UInt64(bitPattern: epoch)), last: last)) else { return }
            for (place, value) in [number, epoch, values[2].integer ?? 0].enumerated() { try life.bind(value, at: Int32(place + 1)) }
            try life.bind(reason, at: 4)
            for place in 4...7 { try life.bind(values[place].integer ?? 0, at: Int32(place + 1)) }
            try life.run()
        }

        private mutating func insertSensor(_ id: Int64, _ values: [PageScan.Value], _ isStale: Bool) throws {
            guard let name = values[1].text, let record = values[2].blob, let state = values[3].text,
                let checksum = values[4].integer, checksum == RowChecksum.of(key: id, name: name)
            else { return }
            try sensor.bind(id, at: 1)
            try sensor.bind(name, at: 2)
            try sensor.bind(record, at: 3)
            try sensor.bind(state, at: 4)
            try sensor.bind(checksum, at: 5)
            try sensor.bind(isStale ? Int64(1) : 0, at: 6)
            try sensor.run()
        }
    }
}
