internal import Wire

/// Takes the columns of whole numbers out of a batch's JSON. Almost all bytes of a batch are in these columns, and JSONDecoder takes twenty times as
/// long to read them.
///
/// The scanner reads a batch if each column occurs once, at the top level, and has only whole numbers and nulls. For every other batch it returns
/// `nil`. JSONDecoder then reads the whole batch, and its error says what is wrong and where.
struct ColumnScanner {
    private let body: [UInt8]
    private var position = 0
    private var columns: [String: JSONColumn] = [:]
    private var rest: [UInt8] = []
    private var copied = 0  // the bytes before this position are in `rest`, or in a column

    private static let names: Set = [
        "sensor", "taken_at_ms", "humidity_mpct", "temperature_mc", "pressure_pa", "flags", "clock", "boot", "boottime_ms",
    ]

    /// - Returns: the columns by name, and the batch's JSON with empty columns.
    static func scan(_ body: [UInt8]) -> (columns: [String: JSONColumn], rest: [UInt8])? {
        var scanner = ColumnScanner(body: body)
        guard scanner.scanObject() else { return nil }
        scanner.rest += body[scanner.copied...]
        return (scanner.columns, scanner.rest)
    }

    private init(body: [UInt8]) { self.body = body }

    private var byte: UInt8? { position < body.count ? body[position] : nil }

    private mutating func skipSpace() { while let byte, byte == 32 || byte == 10 || byte == 13 || byte == 9 { position += 1 } }

    private mutating func take(_ wanted: UInt8) -> Bool {
        guard byte == wanted else { return false }
        position += 1
        return true
    }

    private mutating func scanObject() -> Bool {
        skipSpace()
        guard take(UInt8(ascii: "{")) else { return false }
        repeat {
            skipSpace()
            guard let key = string() else { return false }
            skipSpace()
            guard take(UInt8(ascii: ":")) else { return false }
            skipSpace()
            if ColumnScanner.names.contains(key), byte == UInt8(ascii: "[") {
                guard columns[key] == nil, let column = column() else { return false }
                columns[key] = column
            } else if !skipValue() {
                return false
            }
            skipSpace()
        } while take(UInt8(ascii: ","))
        return byte == UInt8(ascii: "}")
    }

    /// The bytes of a string, with its escapes.
    private mutating func string() -> String? {
        guard take(UInt8(ascii: "\"")) else { return nil }
        let start = position
        while let byte, byte != UInt8(ascii: "\"") { position += byte == UInt8(ascii: "\\") ? 2 : 1 }
        guard position < body.count else { return nil }
        defer { position += 1 }
        return String(decoding: body[start..<position], as: UTF8.self)
    }

    /// Skips a value, up to the comma or the bracket after it. JSONDecoder checks the value.
    private mutating func skipValue() -> Bool {
        var depth = 0
        while let byte {
            switch byte {
            case UInt8(ascii: "\""): if string() == nil { return false } else { continue }
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if depth == 0 { return true }
                depth -= 1
            case UInt8(ascii: ","): if depth == 0 { return true }
            default: break
            }
            position += 1
        }
        return false
    }

    private mutating func column() -> JSONColumn? {
        rest += body[copied...position]  // with the bracket that opens the column
        position += 1
        var values: [Int64?] = []
        values.reserveCapacity(columns.first?.value.count ?? 0)  // the columns of a batch have one length
        skipSpace()
        if byte != UInt8(ascii: "]") {
            repeat {
                skipSpace()
                guard values.count < BatchFormat.rowLimit, let value = value() else { return nil }
                values.append(value)
                skipSpace()
            } while take(UInt8(ascii: ","))
        }
        guard byte == UInt8(ascii: "]") else { return nil }
        copied = position
        position += 1
        return JSONColumn(values)
    }

    /// A whole number or null; `nil` for anything else.
    private mutating func value() -> Int64?? {
        if byte == UInt8(ascii: "n") {
            guard body[position...].starts(with: "null".utf8) else { return nil }
            position += 4
            return .some(nil)
        }
        var index = position
        let isNegative = index < body.count && body[index] == UInt8(ascii: "-")
        if isNegative { index += 1 }
        let start = index
        var magnitude: Int64 = 0
        while index < body.count, case let digit = body[index] &- 48, digit < 10 {
            // A number of 18 digits always fits; longer numbers are left to JSONDecoder.
            guard index - start < 18 else { return nil }
            magnitude = magnitude &* 10 &+ Int64(digit)
            index += 1
        }
        // JSON has no numbers with leading zeros; a fraction or an exponent is left to JSONDecoder.
        guard index > start, index < body.count, index == start + 1 || body[start] != 48 else { return nil }
        guard body[index] == 44 || body[index] == 93 || body[index] <= 32 else { return nil }
        position = index
        return .some(isNegative ? -magnitude : magnitude)
    }
}
