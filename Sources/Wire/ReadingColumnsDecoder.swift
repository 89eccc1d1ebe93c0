internal import Bytes
internal import Measures

/// Decodes the columns that `ReadingColumns` writes, reading by reading.
struct ReadingColumnsDecoder {
    private let start: Int  // offset of the columns, for errors
    private var last: [ReadingColumns.PreviousValues]
    private var sensors: [Int] = []
    private var present: [Int64] = []
    private var time: [Int64] = []
    private var humidity: [Int64] = [], temperature: [Int64] = [], pressure: [Int64] = []  // only of the readings that have the quantity
    private var flags: [Int64] = [], clock: [Int64] = [], boot: [Int64] = [], boottime: [Int64] = []

    /// Reads all columns.
    init(_ count: Int, sensors sensorCount: Int, from reader: inout ByteReader) throws(MalformedBytes) {
        start = reader.offset
        last = Array(repeating: ReadingColumns.PreviousValues(), count: sensorCount)
        let lengths = try readSensors(count, sensorCount, from: &reader)
        time = try Column.read(count, from: &reader)
        humidity = try Column.read(lengths.humidity, from: &reader)
        temperature = try Column.read(lengths.temperature, from: &reader)
        pressure = try Column.read(lengths.pressure, from: &reader)
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
            let (sensor, overflow) = Int64(order.prediction).addingReportingOverflow(sensorColumn[index])
            guard !overflow, (0..<Int64(sensorCount)).contains(sensor) else { throw fault("a reading names a sensor that the batch does not list") }
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
    ///
    /// The state is in local variables for speed: the compiler copies the whole struct before a call that takes one of its properties as `inout`, and
    /// each copy changes the reference count of every column.
    func forEach(_ body: (_ sensor: Int, Reading) -> Void) throws(MalformedBytes) {
        var last = last
        var (humidityIndex, temperatureIndex, pressureIndex) = (0, 0, 0)
        for index in sensors.indices {
            let (sensor, kinds) = (sensors[index], present[index])
            var now = last[sensor]
            var sums = CheckedSums()
            sums.add(time[index], to: &now.spacing)
            sums.add(now.spacing, to: &now.time)
            let humidityMpct = sums.next(kinds & 1 != 0, humidity, &humidityIndex, &now.humidity)
            let temperatureMc = sums.next(kinds & 2 != 0, temperature, &temperatureIndex, &now.temperature)
            let pressurePa = sums.next(kinds & 4 != 0, pressure, &pressureIndex, &now.pressure)
            sums.add(flags[index], to: &now.flags)
            sums.add(clock[index], to: &now.clock)
            sums.add(boot[index], to: &now.boot)
            now.boottimeOffset &+= boottime[index]
            guard sums.areValid else { throw fault("a value does not fit its type") }
            guard let flagBits = UInt16(exactly: now.flags), let bootNumber = UInt32(exactly: now.boot),
                let quality = UInt8(exactly: now.clock).flatMap(ClockQuality.init)
            else { throw fault("flags, clock or boot out of range") }
            let boottimeMs = now.boottimeOffset &+ now.time
            guard (0...(1 << 53)).contains(boottimeMs) else { throw fault("a boot time out of range") }
            last[sensor] = now
            body(
                sensor,
                Reading(
                    takenAt: Instant(ms: now.time), humidityMpct: humidityMpct, temperatureMc: temperatureMc, pressurePa: pressurePa,
                    flags: ReadingFlags(rawValue: flagBits), clock: quality, boot: bootNumber, boottimeMs: boottimeMs))
        }
    }

    /// Adds differences that a client chose. An overflow is recorded, and the caller checks `areValid` once per reading.
    private struct CheckedSums {
        private(set) var areValid = true

        mutating func add(_ difference: Int64, to sum: inout Int64) {
            let (value, overflow) = sum.addingReportingOverflow(difference)
            sum = value
            if overflow { areValid = false }
        }

        /// The next value of a quantity; `nil` if the reading does not have the quantity.
        mutating func next(_ isPresent: Bool, _ differences: [Int64], _ index: inout Int, _ last: inout Int64) -> Int32? {
            guard isPresent else { return nil }
            add(differences[index], to: &last)
            index += 1
            guard let narrow = Int32(exactly: last) else {
                areValid = false
                return nil
            }
            return narrow
        }
    }

    private func fault(_ what: String) -> MalformedBytes { MalformedBytes(at: start, what) }
}
