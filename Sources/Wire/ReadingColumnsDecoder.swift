internal import Bytes
internal import Measures

/// Decodes the columns that `ReadingColumns` writes, reading by reading.
struct ReadingColumnsDecoder {
    private let start: Int  // offset of the columns, for errors
    private var last: [ReadingColumns.PreviousValues]
    private var sensors: [Int] = []
    private var present: [Int64] = []
    private var time: [Int64] = []
    private var humidity = ValueColumn(), temperature = ValueColumn(), pressure = ValueColumn()
    private var flags: [Int64] = [], clock: [Int64] = [], boot: [Int64] = [], boottime: [Int64] = []

    /// Reads all columns.
    init(_ count: Int, sensors sensorCount: Int, from reader: inout ByteReader) throws(MalformedBytes) {
        start = reader.offset
        last = Array(repeating: ReadingColumns.PreviousValues(), count: sensorCount)
        let lengths = try readSensors(count, sensorCount, from: &reader)
        time = try Column.read(count, from: &reader)
        humidity.deltas = try Column.read(lengths.humidity, from: &reader)
        temperature.deltas = try Column.read(lengths.temperature, from: &reader)
        pressure.deltas = try Column.read(lengths.pressure, from: &reader)
        flags = try Column.read(count, from: &reader)
        clock = try Column.read(count, from: &reader)
        boot = try Column.read(count, from: &reader)
        boottime = try Column.read(count, from: &reader)
    }

    /// Reads the sensor and the present values of each reading; the lengths of the value columns follow from these.
    private mutating func readSensors(_ count: Int, _ sensorCount: Int, from reader: inout ByteReader) throws(MalformedBytes) -> (
        humidity: Int, temperature: Int, pressure: Int
    ) {
        let sensorColumn = try Column.read(count, from: &reader)
        let presentColumn = try Column.read(count, from: &reader)
        var order = SensorOrder(sensors: sensorCount)
        var lengths = (humidity: 0, temperature: 0, pressure: 0)
        sensors.reserveCapacity(count)
        present.reserveCapacity(count)
        for index in 0..<count {
            let sensor = try sum(Int64(order.prediction), sensorColumn[index])
            guard (0..<Int64(sensorCount)).contains(sensor) else { throw fault("a reading names a sensor that the batch does not list") }
            order.record(Int(sensor))
            last[Int(sensor)].present ^= presentColumn[index]
            let kinds = last[Int(sensor)].present
            guard (0...7).contains(kinds) else { throw fault("a reading has values of an unknown kind") }
            sensors.append(Int(sensor))
            present.append(kinds)
            lengths.humidity += Int(kinds & 1)
            lengths.temperature += Int(kinds >> 1 & 1)
            lengths.pressure += Int(kinds >> 2)
        }
        return lengths
    }

    /// Calls `body` for each reading, in the order in which the readings were added.
    mutating func forEach(_ body: (_ sensor: Int, Reading) -> Void) throws(MalformedBytes) {
        for index in sensors.indices { body(sensors[index], try reading(index)) }
    }

    private mutating func reading(_ index: Int) throws(MalformedBytes) -> Reading {
        let (sensor, kinds) = (sensors[index], present[index])
        var now = last[sensor]
        now.spacing = try sum(now.spacing, time[index])
        now.time = try sum(now.time, now.spacing)
        let humidityMpct = try value(kinds & 1 != 0, &humidity, &now.humidity)
        let temperatureMc = try value(kinds & 2 != 0, &temperature, &now.temperature)
        let pressurePa = try value(kinds & 4 != 0, &pressure, &now.pressure)
        now.flags = try sum(now.flags, flags[index])
        now.clock = try sum(now.clock, clock[index])
        now.boot = try sum(now.boot, boot[index])
        now.boottimeOffset = now.boottimeOffset &+ boottime[index]
        guard let flagBits = UInt16(exactly: now.flags), let bootNumber = UInt32(exactly: now.boot),
            let quality = UInt8(exactly: now.clock).flatMap(ClockQuality.init)
        else { throw fault("flags, clock or boot out of range") }
        let boottimeMs = now.boottimeOffset &+ now.time
        guard (0...(1 << 53)).contains(boottimeMs) else { throw fault("a boot time out of range") }
        last[sensor] = now
        return Reading(
            takenAt: Instant(ms: now.time), humidityMpct: humidityMpct, temperatureMc: temperatureMc, pressurePa: pressurePa,
            flags: ReadingFlags(rawValue: flagBits), clock: quality, boot: bootNumber, boottimeMs: boottimeMs)
    }

    /// The differences of one quantity, for the readings that have it.
    private struct ValueColumn {
        var deltas: [Int64] = []
        var next = 0
    }

    private func value(_ isPresent: Bool, _ column: inout ValueColumn, _ last: inout Int64) throws(MalformedBytes) -> Int32? {
        guard isPresent else { return nil }
        last = try sum(last, column.deltas[column.next])
        column.next += 1
        guard let narrow = Int32(exactly: last) else { throw fault("a value does not fit 32 bits") }
        return narrow
    }

    private func sum(_ a: Int64, _ b: Int64) throws(MalformedBytes) -> Int64 {
        let (value, overflow) = a.addingReportingOverflow(b)
        guard !overflow else { throw fault("a sum overflows") }
        return value
    }

    private func fault(_ what: String) -> MalformedBytes { MalformedBytes(at: start, what) }
}
