internal import Bytes
internal import Measures

/// The readings of a batch in columns: sensor, present values, time, humidity, temperature, pressure, flags, clock, boot, boot time.
struct ReadingColumns {
    private enum Name: Int, CaseIterable {
        case sensor, present, time, humidity, temperature, pressure, flags, clock, boot, boottime
    }

    /// The previous values of a sensor; columns hold the differences from these.
    private struct PreviousValues {
        var time: Int64 = 0
        var spacing: Int64 = 0
        var humidity: Int64 = 0
        var temperature: Int64 = 0
        var pressure: Int64 = 0
        var present: Int64 = 3
        var flags: Int64 = 0
        var boot: Int64 = 0
        var boottimeOffset: Int64 = 0  // boot time − time: constant unless the clock is set
        var clock: Int64 = 0
    }

    private var columns: [[Int64]] = Array(repeating: [], count: Name.allCases.count)
    private var last: [PreviousValues]
    private var order: SensorOrder

    init(sensors: Int) {
        last = Array(repeating: PreviousValues(), count: sensors)
        order = SensorOrder(sensors: sensors)
    }

    mutating func add(_ sensor: Int, _ reading: Reading) {
        func put(_ name: Name, _ value: Int64) { columns[name.rawValue].append(value) }
        put(.sensor, Int64(sensor) - Int64(order.prediction))
        order.record(sensor)
        var now = last[sensor]
        now.time = reading.takenAt.ms
        now.spacing = now.time &- last[sensor].time  // wraps for a hostile JSON batch; the decoder then refuses the result
        put(.time, now.spacing &- last[sensor].spacing)
        var present: Int64 = 0
        func put(_ name: Name, _ value: Int32?, _ last: inout Int64, bit: Int64) {
            guard let value else { return }
            columns[name.rawValue].append(Int64(value) - last)
            last = Int64(value)
            present |= bit
        }
        put(.humidity, reading.humidityMpct, &now.humidity, bit: 1)
        put(.temperature, reading.temperatureMc, &now.temperature, bit: 2)
        put(.pressure, reading.pressurePa, &now.pressure, bit: 4)
        now.present = present
        put(.present, now.present ^ last[sensor].present)
        now.flags = Int64(reading.flags.rawValue)
        put(.flags, now.flags - last[sensor].flags)
        now.clock = Int64(reading.clock.rawValue)
        put(.clock, now.clock - last[sensor].clock)
        now.boot = Int64(reading.boot)
        put(.boot, now.boot - last[sensor].boot)
        now.boottimeOffset = reading.boottimeMs &- now.time
        put(.boottime, now.boottimeOffset &- last[sensor].boottimeOffset)
        last[sensor] = now
    }

    func write(to writer: inout ByteWriter) {
        for name in Name.allCases { Column.write(columns[name.rawValue], to: &writer) }
    }

    /// Calls `body` for each reading, in the order in which the readings were added.
    static func forEach(
        _ count: Int, sensors: Int, from reader: inout ByteReader, _ body: (_ sensor: Int, Reading) -> Void
    ) throws(MalformedBytes) {
        let start = reader.offset
        func wrong(_ what: String) -> MalformedBytes { MalformedBytes(at: start, what) }
        func sum(_ a: Int64, _ b: Int64) throws(MalformedBytes) -> Int64 {
            let (value, overflow) = a.addingReportingOverflow(b)
            guard !overflow else { throw wrong("a sum overflows") }
            return value
        }
        let sensorColumn = try Column.read(count, from: &reader)
        let presentColumn = try Column.read(count, from: &reader)
        // The length of each value column follows from the sensors and the present values of all readings.
        var order = SensorOrder(sensors: sensors)
        var last = Array(repeating: PreviousValues(), count: sensors)
        var places: [Int] = []
        var present: [Int64] = []
        places.reserveCapacity(count)
        present.reserveCapacity(count)
        var lengths = (0, 0, 0)
        for index in 0..<count {
            let sensor = try sum(Int64(order.prediction), sensorColumn[index])
            guard (0..<Int64(sensors)).contains(sensor) else { throw wrong("a reading names a sensor that the batch does not list") }
            let sensorIndex = Int(sensor)
            order.record(sensorIndex)
            last[sensorIndex].present ^= presentColumn[index]
            let kinds = last[sensorIndex].present
            guard (0...7).contains(kinds) else { throw wrong("a reading has values of an unknown kind") }
            places.append(sensorIndex)
            present.append(kinds)
            lengths.0 += Int(kinds & 1)
            lengths.1 += Int(kinds >> 1 & 1)
            lengths.2 += Int(kinds >> 2)
        }
        let time = try Column.read(count, from: &reader)
        let humidity = try Column.read(lengths.0, from: &reader)
        let temperature = try Column.read(lengths.1, from: &reader)
        let pressure = try Column.read(lengths.2, from: &reader)
        let flags = try Column.read(count, from: &reader)
        let clock = try Column.read(count, from: &reader)
        let boot = try Column.read(count, from: &reader)
        let boottime = try Column.read(count, from: &reader)

        var next = (0, 0, 0)
        func value(_ last: inout Int64, _ column: [Int64], _ next: inout Int, _ isPresent: Bool) throws(MalformedBytes) -> Int32? {
            guard isPresent else { return nil }
            last = try sum(last, column[next])
            next += 1
            guard let narrow = Int32(exactly: last) else { throw wrong("a value does not fit 32 bits") }
            return narrow
        }
        for index in 0..<count {
            let sensorIndex = places[index]
            var now = last[sensorIndex]
            now.spacing = try sum(now.spacing, time[index])
            now.time = try sum(now.time, now.spacing)
            let kinds = present[index]
            let found = (
                try value(&now.humidity, humidity, &next.0, kinds & 1 != 0), try value(&now.temperature, temperature, &next.1, kinds & 2 != 0),
                try value(&now.pressure, pressure, &next.2, kinds & 4 != 0)
            )
            now.flags = try sum(now.flags, flags[index])
            now.clock = try sum(now.clock, clock[index])
            now.boot = try sum(now.boot, boot[index])
            now.boottimeOffset = now.boottimeOffset &+ boottime[index]
            guard let flagBits = UInt16(exactly: now.flags), let bootNumber = UInt32(exactly: now.boot),
                let quality = UInt8(exactly: now.clock).flatMap(ClockQuality.init)
            else { throw wrong("flags, clock or boot out of range") }
            let boottimeMs = now.boottimeOffset &+ now.time
            guard (0...(1 << 53)).contains(boottimeMs) else { throw wrong("a boot time out of range") }
            body(
                sensorIndex,
                Reading(
                    takenAt: Instant(ms: now.time), humidityMpct: found.0, temperatureMc: found.1, pressurePa: found.2,
                    flags: ReadingFlags(rawValue: flagBits), clock: quality, boot: bootNumber, boottimeMs: boottimeMs))
            last[sensorIndex] = now
        }
    }
}
