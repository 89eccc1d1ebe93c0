internal import Bytes

/// A column of whole numbers: divided by their greatest common divisor, then written as zigzag varints.
///
/// A zero is followed by the number of further zeros, so a column of zeros takes three or four bytes in total.
enum Column {
    static func write(_ values: [Int64], to writer: inout ByteWriter) {
        var divisor: UInt64 = 0
        for value in values where value != 0 {
            divisor = greatestCommonDivisor(divisor, value.magnitude)
            if divisor == 1 { break }
        }
        // The magnitude of Int64.min does not fit Int64; no difference of valid values reaches it.
        let unit = Int64(clamping: max(1, divisor))
        writer.varint(UInt64(unit))
        var index = 0
        while index < values.count {
            let value = unit == 1 ? values[index] : values[index] / unit
            writer.zigzag(value)
            index += 1
            guard value == 0 else { continue }
            var more = 0
            while index + more < values.count, values[index + more] == 0 { more += 1 }
            writer.varint(UInt64(more))
            index += more
        }
    }

    static func read(_ count: Int, from reader: inout ByteReader) throws(MalformedBytes) -> [Int64] {
        let start = reader.offset
        let unit = try reader.varint()
        guard unit >= 1, unit <= UInt64(Int64.max) else { throw MalformedBytes(at: start, "a column's unit is 1 or more") }
        var values = [Int64](repeating: 0, count: count)
        let offset = reader.offset
        // This loop runs for every value of every device, so it reads through a pointer. `position` is checked against the count of bytes.
        try unsafe reader.consume { bytes throws(MalformedBytes) in
            var (index, position) = (0, 0)
            func varint() throws(MalformedBytes) -> UInt64 {
                var (value, shift) = (UInt64(0), UInt64(0))
                while position < bytes.count {
                    let byte = unsafe bytes[position]
                    position += 1
                    guard shift < 63 || byte <= 1 else { break }
                    value |= UInt64(byte & 0x7f) << shift
                    if byte < 0x80 { return value }
                    shift += 7
                }
                throw MalformedBytes(at: offset + position, "a varint is cut off or longer than 64 bits")
            }
            while index < count {
                let bits = try varint()
                let (value, overflow) = (Int64(bitPattern: bits >> 1) ^ -Int64(bitPattern: bits & 1)).multipliedReportingOverflow(by: Int64(unit))
                guard !overflow else { throw MalformedBytes(at: offset + position, "a value overflows") }
                values[index] = value
                index += 1
                guard value == 0 else { continue }
                let zeros = try varint()
                guard zeros <= UInt64(count - index) else {
                    throw MalformedBytes(at: offset + position, "\(zeros) further zeros, the column has \(count - index) values left")
                }
                index += Int(zeros)
            }
            return position
        }
        return values
    }

    private static func greatestCommonDivisor(_ a: UInt64, _ b: UInt64) -> UInt64 {
        var (a, b) = (a, b)
        while b != 0 { (a, b) = (b, a % b) }
        return a
    }
}

/// Predicts the sensor of the next reading: the sensor that followed the current sensor last time. Sensors sampled in a fixed order cost almost
/// no bytes.
struct SensorOrder {
    private var successors: [Int]
    private var last: Int

    init(sensors: Int) {
        successors = (0..<sensors).map { ($0 + 1) % max(1, sensors) }
        last = max(0, sensors - 1)
    }

    var prediction: Int { successors.isEmpty ? 0 : successors[last] }
    mutating func record(_ sensor: Int) {
        successors[last] = sensor
        last = sensor
    }
}
