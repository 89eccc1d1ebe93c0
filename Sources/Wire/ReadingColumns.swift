internal import Bytes
internal import Measures

/// The readings of a batch, column by column: sensor, present values, time, humidity, temperature, pressure, flags, clock,
/// boot, boot time.
struct ReadingColumns {
    private enum Name: Int, CaseIterable {
        case sensor, present, time, humidity, temperature, pressure, flags, clock, boot, boottime
    }

    /// What the next reading of a sensor is told against.
    private struct Last {
        var time: Int64 = 0
        var spacing: Int64 = 0
        var values: [Int64] = [0, 0, 0]  // humidity, temperature, pressure
        var present: Int64 = 3
        var flags: Int64 = 0
        var boot: Int64 = 0
        var boottimeOffset: Int64 = 0  // boot time − time: constant while the clock is not set
        var clock: Int64 = 0
    }

    private var columns: [[Int64]] = Array(repeating: [], count: Name.allCases.count)
    private var last: [Last]
    private var order: SensorOrder

    init(sensors: Int) {
        last = Array(repeating: Last(), count: sensors)
        order = SensorOrder(sensors: sensors)
    }

    mutating func add(_ sensor: Int, _ reading: Reading) {
        func put(_ name: Name, _ value: Int64) { columns[name.rawValue].append(value) }
        put(.sensor, Int64(sensor) - Int64(order.guess))
        order.came(sensor)
        var now = last[sensor]
        now.time = reading.takenAt.ms
        now.spacing = now.time - last[sensor].time
        put(.time, now.spacing - last[sensor].spacing)
        let values = [reading.humidityMpct, reading.temperatureMc, reading.pressurePa]
        now.present = 0
        for (place, name) in [Name.humidity, .temperature, .pressure].enumerated() {
            guard let value = values[place].map(Int64.init) else { continue }
            put(name, value - last[sensor].values[place])
            now.values[place] = value
            now.present |= 1 << Int64(place)
        }
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

    static func readings(_ count: Int, sensors: Int, from reader: inout ByteReader) throws(MalformedBytes) -> [(sensor: Int, reading: Reading)] {
        let start = reader.offset
        func wrong(_ what: String) -> MalformedBytes { MalformedBytes(at: start, what) }
        func sum(_ a: Int64, _ b: Int64) throws(MalformedBytes) -> Int64 {
            let (value, overflow) = a.addingReportingOverflow(b)
            guard !overflow else { throw wrong("a sum overflows") }
            return value
        }
        let sensorColumn = try Column.read(count, from: &reader)
        let presentColumn = try Column.read(count, from: &reader)
        // Which sensor and which values each reading has decides how long the value columns are.
        var order = SensorOrder(sensors: sensors)
        var last = Array(repeating: Last(), count: sensors)
        var places: [Int] = []
        var present: [Int64] = []
        var lengths = [0, 0, 0]
        for index in 0..<count {
            let sensor = try sum(Int64(order.guess), sensorColumn[index])
            guard (0..<Int64(sensors)).contains(sensor) else { throw wrong("a reading names a sensor that the batch does not list") }
            let place = Int(sensor)
            order.came(place)
            last[place].present ^= presentColumn[index]
            guard (0...7).contains(last[place].present) else { throw wrong("a reading has values of an unknown kind") }
            places.append(place)
            present.append(last[place].present)
            for value in 0..<3 where present[index] & (1 << Int64(value)) != 0 { lengths[value] += 1 }
        }
        let time = try Column.read(count, from: &reader)
        var values: [[Int64]] = []
        for length in lengths { values.append(try Column.read(length, from: &reader)) }
        let flags = try Column.read(count, from: &reader)
        let clock = try Column.read(count, from: &reader)
        let boot = try Column.read(count, from: &reader)
        let boottime = try Column.read(count, from: &reader)

        var next = [0, 0, 0]
        var readings: [(sensor: Int, reading: Reading)] = []
        readings.reserveCapacity(count)
        for index in 0..<count {
            var now = last[places[index]]
            now.spacing = try sum(now.spacing, time[index])
            now.time = try sum(now.time, now.spacing)
            var found: [Int32?] = [nil, nil, nil]
            for value in 0..<3 where present[index] & (1 << Int64(value)) != 0 {
                now.values[value] = try sum(now.values[value], values[value][next[value]])
                next[value] += 1
                guard let narrow = Int32(exactly: now.values[value]) else { throw wrong("a value does not fit 32 bits") }
                found[value] = narrow
            }
            now.flags = try sum(now.flags, flags[index])
            now.clock = try sum(now.clock, clock[index])
            now.boot = try sum(now.boot, boot[index])
            now.boottimeOffset = now.boottimeOffset &+ boottime[index]
            guard let flagBits = UInt16(exactly: now.flags), let bootNumber = UInt32(exactly: now.boot),
                let quality = UInt8(exactly: now.clock).flatMap(ClockQuality.init)
            else { throw wrong("flags, clock or boot out of range") }
            readings.append(
                (
                    places[index],
                    Reading(
                        takenAt: Instant(ms: now.time), humidityMpct: found[0], temperatureMc: found[1], pressurePa: found[2],
                        flags: ReadingFlags(rawValue: flagBits), clock: quality, boot: bootNumber, boottimeMs: now.boottimeOffset &+ now.time)
                ))
            last[places[index]] = now
        }
        return readings
    }
}
