internal import Bytes
internal import Measures

/// The readings of a batch in columns: sensor, present values, time, humidity, temperature, pressure, flags, clock, boot, boot time.
struct ReadingColumns {
    private enum Name: Int, CaseIterable {
        case sensor, present, time, humidity, temperature, pressure, flags, clock, boot, boottime
    }

    /// The previous values of a sensor; columns hold the differences from these.
    struct PreviousValues {
        var time: Int64 = 0
        var spacing: Int64 = 0
        var humidity: Int64 = 0
        var temperature: Int64 = 0
        var pressure: Int64 = 0
        var present: Int64 = 3  // mask of the present values: 1 humidity, 2 temperature, 4 pressure
        var flags: Int64 = 0
        var boot: Int64 = 0
        var boottimeOffset: Int64 = 0  // boot time − time: constant unless the clock is set
        var clock: Int64 = 0
    }

    private var columns: [[Int64]] = Array(repeating: [], count: Name.allCases.count)
    private var last: [PreviousValues]
    private var order: SensorOrder

    /// - Parameter count: how many readings will be added.
    init(sensors: Int, count: Int) {
        for index in columns.indices { columns[index].reserveCapacity(count) }
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
}
