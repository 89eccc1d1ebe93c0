/// A value that can be bound to a statement's parameter.
package protocol SQLValue {
    func bind(to statement: borrowing Statement, at index: Int32) throws(SQLiteError)
}

extension Int64: SQLValue {
    package func bind(to statement: borrowing Statement, at index: Int32) throws(SQLiteError) { try statement.bind(self, at: index) }
}
extension Int32: SQLValue {
    package func bind(to statement: borrowing Statement, at index: Int32) throws(SQLiteError) { try statement.bind(self, at: index) }
}
extension Double: SQLValue {
    package func bind(to statement: borrowing Statement, at index: Int32) throws(SQLiteError) { try statement.bind(self, at: index) }
}
extension String: SQLValue {
    package func bind(to statement: borrowing Statement, at index: Int32) throws(SQLiteError) { try statement.bind(self, at: index) }
}
extension [UInt8]: SQLValue {
    package func bind(to statement: borrowing Statement, at index: Int32) throws(SQLiteError) { try statement.bind(self, at: index) }
}
extension Optional: SQLValue where Wrapped: SQLValue {
    package func bind(to statement: borrowing Statement, at index: Int32) throws(SQLiteError) {
        if let self { try self.bind(to: statement, at: index) } else { try statement.bind(nil as Int64?, at: index) }
    }
}

extension Statement {
    /// Binds values to the parameters, starting with the first.
    package borrowing func bind(_ values: [any SQLValue]) throws(SQLiteError) {
        var index: Int32 = 0
        for value in values {
            index += 1
            try value.bind(to: self, at: index)
        }
    }
}

extension Connection {
    /// A statement with values bound to its parameters, starting with the first.
    package func prepare(_ sql: String, _ values: any SQLValue...) throws(SQLiteError) -> Statement {
        let statement = try prepare(sql)
        try statement.bind(values)
        return statement
    }

    /// Runs a statement that returns no rows.
    package func run(_ sql: String, _ values: any SQLValue...) throws(SQLiteError) {
        var statement = try prepare(sql)
        try statement.bind(values)
        try statement.run()
    }
}
