package import Measures
internal import SQLite
internal import Wire

/// Readings of devices that cannot run the agent: without epoch and sequence, told apart by sensor and time.
extension Archive {
    package struct PlainReading: Sendable, Hashable {
        package let sensor: SensorName
        package let reading: Reading
        package init(sensor: SensorName, reading: Reading) {
            self.sensor = sensor
            self.reading = reading
        }
    }

    /// Appends those that are new to the log, under sequences that the server makes (epoch 0).
    /// - Returns: how many were new.
    package func ingest(plain readings: [PlainReading], device: Int64, now: Instant) throws -> Int {
        try database.transaction {
            var note = try database.prepare("INSERT INTO plain_reading VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
            var sensors: [SensorName] = []
            var rows: [Batch.Row] = []
            for plain in readings {
                try note.bind(device, at: 1)
                try note.bind(plain.sensor.name, at: 2)
                try note.bind(plain.reading.takenAt.ms, at: 3)
                try note.run()
                guard database.changes > 0 else { continue }
                if !sensors.contains(plain.sensor) { sensors.append(plain.sensor) }
                rows.append(.reading(sensor: sensors.firstIndex(of: plain.sensor) ?? 0, plain.reading))
            }
            try touch(device, now: now)
            guard !rows.isEmpty else { return 0 }
            let before = try heldRanges(device, .server)
            let batch = Batch(epoch: .server, first: before.through + 1, sensors: sensors, rows: rows)
            let arrival = try Arrival(device: device, batch: batch, receivedAt: now)
            var log = try LogWriter(database)
            _ = try log.append(arrival.frame.bytes, arrival, batch.first...batch.last, readings: rows.count)
            try log.finish()
            var held = before
            held.insert(batch.first...batch.last)
            try save(held, before, device, .server)
            return rows.count
        }
    }
}
