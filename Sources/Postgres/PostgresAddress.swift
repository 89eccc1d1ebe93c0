internal import CPostgres

/// The address of a database in one of libpq's forms: `postgres://USER@HOST:PORT/DATABASE?PARAMETER=VALUE`, or keywords (`host=… dbname=…`).
@safe package struct PostgresAddress: Sendable, CustomStringConvertible {
    /// The whole address, possibly with a password: not for logs.
    package let text: String
    /// User, host, port and database, without the password.
    package let description: String

    /// - Returns: `nil` if libpq cannot read the address. libpq's own message may repeat a password, so it is not passed on.
    package init?(_ text: String) {
        var message: UnsafeMutablePointer<CChar>?
        let options = unsafe PQconninfoParse(text, &message)
        if let message = unsafe message { unsafe PQfreemem(message) }
        guard let options = unsafe options else { return nil }
        defer { unsafe PQconninfoFree(options) }
        var values: [String: String] = [:]
        var option = unsafe options
        while let keyword = unsafe option.pointee.keyword {
            if let value = unsafe option.pointee.val { unsafe values[String(cString: keyword)] = String(cString: value) }
            unsafe option += 1
        }
        self.text = text
        let user = values["user"].map { "\($0)@" } ?? ""
        let port = values["port"].map { ":\($0)" } ?? ""
        description = "postgres://\(user)\(values["host"] ?? values["hostaddr"] ?? "")\(port)/\(values["dbname"] ?? "")"
    }
}
