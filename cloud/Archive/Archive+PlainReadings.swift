package import Measures
internal import Wire

/// Readings from devices that cannot run the agent. These readings have no epoch and no sequence; sensor and time identify a reading.
extension Archive {
    package struct PlainArrival: Sendable {
        package let device: Int64
        package let readings: [SensorReading]  // from at most `BatchFormat.sensorLimit` sensors
        package let receivedAt: Instant

        /// Whether a person imported the readings. An import does not change when the device was last seen.
        package let isImported: Bool

        package init(device: Int64, readings: [SensorReading], receivedAt: Instant, isImported: Bool = false) {
            self.isImported = isImported
            self.device = device
            self.readings = readings
            self.receivedAt = receivedAt
        }
    }

    /// The outcome of each reading of a plain arrival.
    package struct PlainReceipt: Sendable, Equatable {
        package enum Outcome: Sendable, Equatable {
            case stored, duplicate
            case conflict  // another value is stored for this sensor and time
            case unknownSensor  // the device has reached its limit of sensors
            case tooOld  // the reading was taken before the retention cutoff: the key that would identify a repeated reading may be deleted
        }
        package var outcomes: [Outcome]  // in the order of the readings

        package func count(_ outcome: Outcome) -> Int { outcomes.count { $0 == outcome } }
    }

    /// Appends the new readings to the log, under sequences that the server assigns (epoch 0).
    /// - Parameter cutoff: earlier readings are refused.
    func ingest(_ arrival: PlainArrival, takenAfter cutoff: Instant, _ log: inout LogWriter) throws -> PlainReceipt {
        let device = arrival.device
        let refusedNames = try admitSensorNames(Set(arrival.readings.map(\.sensor)), device)
        var receipt = PlainReceipt(outcomes: [])
        var places: [SensorName: Int] = [:]
        var sensors: [SensorName] = []
        var rows: [Batch.Row] = []
        func refusal(_ plain: SensorReading) -> PlainReceipt.Outcome? {
            refusedNames.contains(plain.sensor) ? .unknownSensor : plain.reading.takenAt < cutoff ? .tooOld : nil
        }
        var inserted = try database.rowsEach(
            "INSERT INTO plain_reading (device, sensor, taken_at_ms, content) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING 1",
            arrival.readings.filter { refusal($0) == nil }.map {
                [.integer(device), .text($0.sensor.name), .integer($0.reading.takenAt.ms), .integer($0.valueHash)]
            })[...]
        for plain in arrival.readings {
            if let refusal = refusal(plain) {
                receipt.outcomes.append(refusal)
                continue
            }
            guard inserted.removeFirst().isEmpty == false else {
                receipt.outcomes.append(try isHeld(plain, device) ? .duplicate : .conflict)
                continue
            }
            let index = places[plain.sensor] ?? sensors.count
            if index == sensors.count {
                sensors.append(plain.sensor)
                places[plain.sensor] = index
            }
            rows.append(.reading(sensor: index, plain.reading))
            receipt.outcomes.append(.stored)
        }
        guard !rows.isEmpty else { return receipt }
        let held = try heldEpoch(device, .server).ranges
        let batch = Batch(epoch: .server, first: held.through + 1, sensors: sensors, rows: rows)
        let packed = try BatchArrival(device: device, batch: batch, receivedAt: arrival.receivedAt)
        let bytes = log.append(packed.frame.bytes, packed, batch.first...batch.last, readings: rows.count, records: [])
        ledgers[device]?.add(bytes: bytes, on: arrival.receivedAt.ms / 86_400_000)
        apply([try heldChange(device, .server, adding: [batch.first...batch.last])], device, at: arrival.receivedAt)
        return receipt
    }

    /// Whether the same values are stored for this sensor and time. A row of an older version has no hash and counts as the same.
    private func isHeld(_ plain: SensorReading, _ device: Int64) throws -> Bool {
        guard
            let row = try database.row(
                "SELECT content FROM plain_reading WHERE device = ? AND sensor = ? AND taken_at_ms = ?", device, plain.sensor.name,
                plain.reading.takenAt.ms), let content = row.optionalInteger(0)
        else { return true }
        return content == plain.valueHash
    }
}

extension SensorReading {
    /// A hash of the values (FNV-1a, 64 bits) that distinguishes a repeat from another value for the same time.
    var valueHash: Int64 {
        var hash: UInt64 = 14_695_981_039_346_656_037
        for value in [reading.humidityMpct, reading.temperatureMc, reading.pressurePa] {
            let bits = value.map { UInt64(UInt32(bitPattern: $0)) } ?? 1 << 32
            for shift in stride(from: 0, to: 40, by: 8) { hash = (hash ^ (bits >> UInt64(shift) & 0xFF)) &* 1_099_511_628_211 }
        }
        return Int64(bitPattern: hash)
    }
}
