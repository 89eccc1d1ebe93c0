/// A parameter of a statement or a column of a row, in the types that SQLite and PostgreSQL share.
enum DatabaseValue: Sendable, Equatable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case bytes([UInt8])
}

/// A Swift type that can be a parameter of a statement.
protocol DatabaseConvertible {
    var databaseValue: DatabaseValue { get }
}

extension DatabaseValue: DatabaseConvertible {
    var databaseValue: DatabaseValue { self }
}
extension Int64: DatabaseConvertible {
    var databaseValue: DatabaseValue { .integer(self) }
}
extension Int: DatabaseConvertible {
    var databaseValue: DatabaseValue { .integer(Int64(self)) }
}
extension Int32: DatabaseConvertible {
    var databaseValue: DatabaseValue { .integer(Int64(self)) }
}
extension Bool: DatabaseConvertible {
    /// 1 or 0: the schema has no Booleans, because SQLite has none.
    var databaseValue: DatabaseValue { .integer(self ? 1 : 0) }
}
extension Double: DatabaseConvertible {
    var databaseValue: DatabaseValue { .real(self) }
}
extension String: DatabaseConvertible {
    var databaseValue: DatabaseValue { .text(self) }
}
extension [UInt8]: DatabaseConvertible {
    var databaseValue: DatabaseValue { .bytes(self) }
}
extension Optional: DatabaseConvertible where Wrapped: DatabaseConvertible {
    var databaseValue: DatabaseValue { self?.databaseValue ?? .null }
}
