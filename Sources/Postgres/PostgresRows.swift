internal import CPostgres

/// The result of a statement: rows in binary format, in memory. Columns count from 0.
@safe package struct PostgresRows: ~Copyable {
    private let result: OpaquePointer
    private let sql: String
    package let count: Int
    /// Rows that an INSERT, UPDATE or DELETE has changed.
    package let changed: Int

    /// Takes over the result.
    init(_ result: OpaquePointer, sql: String) {
        unsafe self.result = result
        self.sql = sql
        count = Int(unsafe PQntuples(result))
        changed = Int(unsafe String(cString: PQcmdTuples(result))) ?? 0
    }

    deinit { unsafe PQclear(result) }

    package func isNull(_ row: Int, _ column: Int) -> Bool { unsafe PQgetisnull(result, Int32(row), Int32(column)) == 1 }

    /// A whole number or a Boolean (0 or 1); 0 for NULL.
    /// - Throws: if the column has another type.
    package func integer(_ row: Int, _ column: Int) throws(PostgresError) -> Int64 {
        let bytes = bytes(row, column)
        switch unsafe PQftype(result, Int32(column)) {
        case 20, 21, 23:
            // Big-endian two's complement of 2, 4 or 8 bytes.
            var value: Int64 = (bytes.first ?? 0) >= 128 ? -1 : 0
            for byte in bytes { value = value << 8 | Int64(byte) }
            return value
        case 16: return Int64(bytes.first ?? 0)
        default: throw unexpected(column, "a whole number")
        }
    }

    /// 0 for NULL.
    package func real(_ row: Int, _ column: Int) throws(PostgresError) -> Double {
        let bytes = bytes(row, column)
        switch unsafe PQftype(result, Int32(column)) {
        case 701:
            var bits: UInt64 = 0
            for byte in bytes { bits = bits << 8 | UInt64(byte) }
            return Double(bitPattern: bits)
        case 20, 21, 23: return Double(try integer(row, column))
        default: throw unexpected(column, "double precision")
        }
    }

    /// Empty for NULL.
    package func text(_ row: Int, _ column: Int) throws(PostgresError) -> String {
        guard [25, 1043, 19, 18].contains(unsafe PQftype(result, Int32(column))) else { throw unexpected(column, "text") }
        return String(decoding: bytes(row, column), as: UTF8.self)
    }

    /// The bytes of a `bytea`; empty for NULL.
    package func data(_ row: Int, _ column: Int) throws(PostgresError) -> [UInt8] {
        guard unsafe PQftype(result, Int32(column)) == 17 else { throw unexpected(column, "bytea") }
        return bytes(row, column)
    }

    package var columnCount: Int { Int(unsafe PQnfields(result)) }

    /// The value in a column, by the column's type.
    package func value(_ row: Int, _ column: Int) throws(PostgresError) -> PostgresValue {
        if isNull(row, column) { return .null }
        switch unsafe PQftype(result, Int32(column)) {
        case 16, 20, 21, 23: return .integer(try integer(row, column))
        case 701: return .real(try real(row, column))
        case 18, 19, 25, 1043: return .text(try text(row, column))
        case 17: return .bytes(try data(row, column))
        default: throw unexpected(column, "a whole number, double precision, text or bytea")
        }
    }

    private func bytes(_ row: Int, _ column: Int) -> [UInt8] {
        guard let bytes = unsafe PQgetvalue(result, Int32(row), Int32(column)) else { return [] }
        let count = Int(unsafe PQgetlength(result, Int32(row), Int32(column)))
        return unsafe [UInt8](UnsafeRawBufferPointer(start: bytes, count: count))
    }

    private func unexpected(_ column: Int, _ wanted: String) -> PostgresError {
        let type = unsafe PQftype(result, Int32(column))
        return PostgresError(state: "42804", message: "column \(column) has the type \(type), expected \(wanted): cast it", sql: sql)
    }
}
