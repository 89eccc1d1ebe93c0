internal import Bytes
internal import Measures
internal import Signing
internal import Text

/// The observations of one sensor in one week, as bytes. The SHA-256 of the bytes identifies the week's content.
///
/// Humidity and temperature are rounded to thousandths, as in a device's history, so that training and device use equal values.
struct PackedWeek: Sendable {
    let week: Int64
    let observations: [Observation]  // in order of time, all in the week

    /// Weeks are counted from Monday, 29 December 1969: a week has the days from 7 · week − 3 up to, but not including, 7 · week + 4, since 1970. An observation at the very end of a Sunday belongs to the week that ends.
    static func week(of validAt: Instant) -> Int64 { (validAt.ms - 1 + weekOffsetMs) / weekMs }

    /// The times of observations in a week, later than the first and up to the last.
    static func span(of week: Int64) -> (after: Instant, through: Instant) {
        (Instant(ms: week * weekMs - weekOffsetMs), Instant(ms: (week + 1) * weekMs - weekOffsetMs))
    }

    private static let weekMs: Int64 = 7 * 86_400_000
    private static let weekOffsetMs: Int64 = 3 * 86_400_000
    private static let unitMs: Int64 = 600_000  // every step is a multiple of ten minutes
    static let maximumObservations = 1_008  // of one sensor, with a step of ten minutes

    init(week: Int64, observations: [Observation]) {
        (self.week, self.observations) = (week, observations)
    }

    /// A version, the week, and for each observation: its distance from the one before in units of ten minutes, and the changes of humidity and
    /// temperature in thousandths.
    var bytes: [UInt8] {
        var writer = ByteWriter(reserving: 16 + 4 * observations.count)
        writer.byte(1)
        writer.zigzag(week)
        writer.varint(UInt64(observations.count))
        var (time, humidity, temperature) = (PackedWeek.span(of: week).after.ms, 0 as Int64, 0 as Int64)
        for observation in observations {
            let distance = UInt64((observation.validAt.ms - time) / PackedWeek.unitMs)
            time = observation.validAt.ms
            let now = PackedWeek.thousandths(observation.humidity.percent)
            let celsius = observation.temperature.map { PackedWeek.thousandths($0.celsius) }
            writer.varint(distance << 1 | (celsius == nil ? 0 : 1))
            writer.zigzag(now - humidity)
            humidity = now
            guard let celsius else { continue }
            writer.zigzag(celsius - temperature)
            temperature = celsius
        }
        return writer.bytes
    }

    static func sha256(of bytes: [UInt8]) -> String { Hexadecimal.text(SHA256.digest(bytes)) }

    init(_ bytes: [UInt8]) throws {
        var reader = ByteReader(bytes)
        guard try reader.byte() == 1 else { throw MalformedBytes(at: 0, "version 1") }
        week = try reader.integer()
        let count = try reader.count(upTo: PackedWeek.maximumObservations)
        var observations: [Observation] = []
        observations.reserveCapacity(count)
        var (time, humidity, temperature) = (PackedWeek.span(of: week).after.ms, 0 as Int64, 0 as Int64)
        for _ in 0..<count {
            let head = try reader.varint()
            guard head >> 1 >= 1, head >> 1 <= UInt64(PackedWeek.maximumObservations) else {
                throw MalformedBytes(at: reader.offset, "a distance of 1 to \(PackedWeek.maximumObservations)")
            }
            time += Int64(head >> 1) * PackedWeek.unitMs
            humidity &+= try reader.zigzag()
            if head & 1 == 1 { temperature &+= try reader.zigzag() }
            observations.append(
                Observation(
                    validAt: Instant(ms: time), humidity: RelativeHumidity(percent: Double(humidity) / 1_000),
                    temperature: head & 1 == 1 ? Temperature(celsius: Double(temperature) / 1_000) : nil))
        }
        try reader.expectEnd()
        self.observations = observations
    }

    private static func thousandths(_ value: Double) -> Int64 { Int64((value * 1_000).rounded()) }
}
