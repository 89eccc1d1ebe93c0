/// A parameter of a statement. Each case has one PostgreSQL type, so that the binary form is known.
package enum PostgresValue: Sendable, Equatable {
    case null  // the server infers the type
    case integer(Int64)  // bigint
    case real(Double)  // double precision
    case text(String)  // text; PostgreSQL's text holds no zero byte
    case bytes([UInt8])  // bytea
    case integers([Int64])  // bigint[], for `unnest`

    /// The type's object identifier in `pg_type`, which never changes; 0: inferred.
    var type: UInt32 {
        switch self {
        case .null: 0
        case .integer: 20
        case .real: 701
        case .text: 25
        case .bytes: 17
        case .integers: 1016
        }
    }

    /// The value in the binary format of its type, big-endian; `nil` for NULL.
    var binary: [UInt8]? {
        switch self {
        case .null: return nil
        case .integer(let value): return PostgresValue.bytes(of: value)
        case .real(let value): return PostgresValue.bytes(of: value.bitPattern)
        case .text(let value): return Array(value.utf8)
        case .bytes(let value): return value
        case .integers(let values): return PostgresValue.array(values.map { PostgresValue.bytes(of: $0) }, elementType: 20)
        }
    }

    private static func bytes(of value: some FixedWidthInteger) -> [UInt8] {
        unsafe withUnsafeBytes(of: value.bigEndian) { unsafe Array($0) }
    }

    /// A one-dimensional array without NULL: dimensions, flag for NULL, element type, length, lower bound, then the elements with their lengths.
    private static func array(_ elements: [[UInt8]], elementType: Int32) -> [UInt8] {
        var binary = bytes(of: Int32(elements.isEmpty ? 0 : 1)) + bytes(of: Int32(0)) + bytes(of: elementType)
        guard !elements.isEmpty else { return binary }
        binary += bytes(of: Int32(elements.count)) + bytes(of: Int32(1))
        for element in elements { binary += bytes(of: Int32(element.count)) + element }
        return binary
    }
}
