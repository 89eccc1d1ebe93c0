package import Measures
internal import Runtime
internal import SQLite
internal import Wire

/// What names rows: lives and sensors.
extension ReadingStore {
    /// From here on rows get a new epoch. Only inside a transaction.
    func beginLife(reason: String, hasLostCommits: Bool = false) throws {
        let life = Life(number: Life.number(after: lives.last?.number, isCertain: !hasLostCommits), epoch: Epoch(bits: UInt64.random(in: 1...(.max))))
        var insert = try database.prepare("INSERT INTO life (number, epoch, began_at_ms, reason, checksum) VALUES (?, ?, ?, ?, ?)")
        try insert.bind(life.number, at: 1)
        try insert.bind(Int64(bitPattern: life.epoch.bits), at: 2)
        try insert.bind(LabelClock.wallClock.ms, at: 3)
        try insert.bind(reason, at: 4)
        try insert.bind(RowChecksum.of(life: life.number, epoch: life.epoch.description, last: 0), at: 5)
        try insert.run()
        try keepCopy("life:\(life.number)", life.epoch.description)
        lives.append(life)
        alignKeys()
        try dropEmptyLives()
    }

    /// A cloud that always answers `conflict` would make the store create lives without limit. Beyond 64 the oldest ones without rows
    /// are deleted. Their numbers are not used again: a new life gets a higher number than the newest.
    private func dropEmptyLives() throws {
        var surplus = lives.count - Self.mostLives
        for life in lives.dropLast() where surplus > 0 {
            guard life.outstanding.isEmpty, try !hasRows(inLife: life.number) else { continue }
            for sql in ["DELETE FROM life WHERE number = ?", "DELETE FROM delivery WHERE life = ?"] {
                var delete = try database.prepare(sql)
                try delete.bind(life.number, at: 1)
                try delete.run()
            }
            var copy = try database.prepare("DELETE FROM meta WHERE name = ?")
            try copy.bind("life:\(life.number)", at: 1)
            try copy.run()
            lives.removeAll { $0.number == life.number }
            // Totals go on with the newest.
            lives[lives.count - 1].evicted += life.evicted
            lives[lives.count - 1].refused += life.refused
            try save(lives[lives.count - 1])
            surplus -= 1
        }
    }

    private static let mostLives = 64

    private func hasRows(inLife number: Int64) throws -> Bool {
        let keys = RowKey.values(life: number, 0...(1 << StoreSchema.sequenceBits - 1))
        for table in ["reading", "record"] {
            var select = try database.prepare("SELECT 1 FROM \(table) WHERE key BETWEEN ? AND ? LIMIT 1")
            try select.bind(keys.lowerBound, at: 1)
            try select.bind(keys.upperBound, at: 2)
            if try select.step() { return true }
        }
        return false
    }

    /// What names rows is kept twice, in different parts of the file: a damaged page may take one of them.
    private func keepCopy(_ name: String, _ value: String) throws {
        var upsert = try database.prepare("INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
        try upsert.bind(name, at: 1)
        try upsert.bind(value, at: 2)
        try upsert.run()
    }

    func readLives() throws {
        var lives: [Life] = []
        var select = try database.prepare("SELECT number, epoch, last, evicted, refused, checksum FROM life ORDER BY number")
        while try select.step() {
            var life = Life(number: select.integer(0), epoch: Epoch(bits: UInt64(bitPattern: select.integer(1))), last: select.integer(2))
            guard select.integer(5) == RowChecksum.of(life: life.number, epoch: life.epoch.description, last: life.last) else {
                throw DamagedRow(key: life.number)
            }
            life.evicted = select.integer(3)
            life.refused = select.integer(4)
            for table in ["reading", "record"] {
                let keys = RowKey.values(life: life.number, 0...(1 << StoreSchema.sequenceBits - 1))
                var newest = try database.prepare("SELECT MAX(key) FROM \(table) WHERE key BETWEEN ? AND ?")
                try newest.bind(keys.lowerBound, at: 1)
                try newest.bind(keys.upperBound, at: 2)
                if try newest.step(), let key = newest.optionalInteger(0) { life.last = max(life.last, RowKey(key).sequence) }
            }
            lives.append(life)
        }
        for index in lives.indices {
            var delivery = try database.prepare("SELECT body, checksum FROM delivery WHERE life = ?")
            try delivery.bind(lives[index].number, at: 1)
            guard try delivery.step() else { continue }
            let body = delivery.blob(0)
            // Damaged: forgotten. Rows are sent again, and the cloud compares them with its own.
            guard delivery.integer(1) == RowChecksum.of(key: lives[index].number, body: body), let known = try? Life.delivery(body) else { continue }
            (lives[index].held, lives[index].gone) = known
        }
        self.lives = lives
    }

    // MARK: sensors

    func readSensors() throws {
        var sensors: [SensorName: Int64] = [:]
        var given: Set<Int64> = []  // up, for another name
        var select = try database.prepare("SELECT name, id, checksum, state FROM sensor")
        while try select.step() {
            guard let name = SensorName(select.text(0)), select.integer(2) == RowChecksum.of(key: select.integer(1), name: name.name) else {
                throw DamagedRow(key: select.integer(1))
            }
            sensors[name] = select.integer(1)
            if select.text(3) == Self.renamedState { given.insert(select.integer(1)) }
        }
        self.sensors = sensors
        readingCount = try database.integer("SELECT COUNT(*) FROM reading") ?? 0
        (newestReadings, goodReadings, spells) = ([:], [:], [:])
        for id in sensors.values where !given.contains(id) { try readNewest(of: id) }
    }

    package func sensor(named name: SensorName) -> Int64? { sensors[name] }

    /// The sensor's number here. A record that differs from the last one goes into the log.
    @discardableResult
    package func register(_ record: SensorRecord) throws -> Int64 {
        registered[record.sensor] = record
        let body = RecordCoding.bytes(.sensor(record))
        if let id = sensors[record.sensor] {
            var select = try database.prepare("SELECT record FROM sensor WHERE id = ?")
            try select.bind(id, at: 1)
            guard try select.step(), select.blob(0) != body else { return id }
        }
        return try commit {
            let id = try upsert(record)
            try insert(.sensor(record))
            return id
        }
    }

    /// Stores what a sensor is. Only inside a transaction.
    @discardableResult
    func upsert(_ record: SensorRecord) throws -> Int64 {
        let id = try upsert(record.sensor, RecordCoding.bytes(.sensor(record)))
        sensors[record.sensor] = id
        return id
    }

    private func upsert(_ name: SensorName, _ record: [UInt8]) throws -> Int64 {
        let id = try sensors[name] ?? (database.integer("SELECT COALESCE(MAX(id), 0) + 1 FROM sensor") ?? 1)
        var upsert = try database.prepare(
            "INSERT INTO sensor (id, name, record, checksum) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET record = excluded.record")
        try upsert.bind(id, at: 1)
        try upsert.bind(name.name, at: 2)
        try upsert.bind(record, at: 3)
        try upsert.bind(RowChecksum.of(key: id, name: name.name), at: 4)
        try upsert.run()
        try keepCopy("sensor:\(id)", name.name)
        return id
    }

    /// A sensor known by another's record until it has its own. Only inside a transaction.
    func addSensor(named name: SensorName, like other: Int64) throws -> Int64 {
        var select = try database.prepare("SELECT record FROM sensor WHERE id = ?")
        try select.bind(other, at: 1)
        guard try select.step(), case .sensor(var record)? = try? RecordCoding.record(select.blob(0)) else {
            throw StoreFault("the sensor number \(other) has no record")
        }
        record.sensor = name
        return try upsert(name, RecordCoding.bytes(.sensor(record)))
    }

    /// Keeps what the sampler says of a sensor, for the status command and for the next start.
    package func setCondition(_ condition: SensorCondition, of sensor: SensorName) throws {
        let state = condition.stored
        try guarded(writes: true) {
            var update = try database.prepare("UPDATE sensor SET state = ? WHERE name = ? AND state <> ?")
            try update.bind(state, at: 1)
            try update.bind(sensor.name, at: 2)
            try update.bind(state, at: 3)
            try update.run()
        }
    }

    // MARK: meta

    package func meta(_ name: String) throws -> String? {
        var select = try database.prepare("SELECT value FROM meta WHERE name = ?")
        try select.bind(name, at: 1)
        return try select.step() ? select.text(0) : nil
    }

    package func setMeta(_ name: String, _ value: String) throws {
        try guarded(writes: true) {
            if try meta(name) == value { return }
            var upsert = try database.prepare("INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
            try upsert.bind(name, at: 1)
            try upsert.bind(value, at: 2)
            try upsert.run()
        }
    }
}
