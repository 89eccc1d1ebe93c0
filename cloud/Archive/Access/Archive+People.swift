package import Access
package import Measures
internal import Signing

/// The people who may sign in.
extension Archive {
    package struct Person: Sendable, Equatable {
        package let id: Int64
        package let name: String
        package let role: Role
        package let password: PasswordHash
        package let createdAt: Instant
    }

    /// A change of people or tokens that cannot be made.
    package enum AccessFault: Error, Equatable, CustomStringConvertible {
        case noPerson(String)
        case personExists(String)
        case lastAdmin(String)
        case noToken(String)
        case tokenExists(String)

        package var description: String {
            switch self {
            case .noPerson(let name): "there is no user «\(name.prefix(64))»: vaho-cloud user list shows the users"
            case .personExists(let name): "the user \(name) exists: vaho-cloud user passwd \(name) changes the password"
            case .lastAdmin(let name): "\(name) is the only admin: add another admin first"
            case .noToken(let name): "there is no token «\(name.prefix(64))»: vaho-cloud token list shows the tokens"
            case .tokenExists(let name): "the token \(name) exists: choose another name, or revoke it first"
            }
        }
    }

    /// Names of people and of tokens: 1 to 64 letters, digits and `. _ - @ +`, so that an e-mail address is a name.
    package static let accessNameSyntax = "1 to 64 letters, digits or . _ - @ +"
    package static func isAccessName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || Array("._-@+".utf8).contains(byte)
            }
    }

    package func people() throws -> [Person] { try people("ORDER BY name") }
    package func person(named name: String) throws -> Person? { try people("WHERE name = ?", .text(name)).first }
    package func hasAdmin() throws -> Bool { try adminCount() > 0 }

    private func adminCount() throws -> Int64 { try database.integer("SELECT COUNT(*) FROM person WHERE role = 'admin'") ?? 0 }

    private func people(_ condition: String, _ values: DatabaseValue...) throws -> [Person] {
        try database.rows("SELECT id, name, role, password, created_at_ms FROM person \(condition)", values).compactMap { row in
            guard let role = Role(rawValue: row.text(2)), let password = PasswordHash(text: row.text(3)) else { return nil }
            return Person(id: row.integer(0), name: row.text(1), role: role, password: password, createdAt: Instant(ms: row.integer(4)))
        }
    }

    package func addPerson(_ name: String, _ role: Role, _ password: PasswordHash, by attribution: Attribution, now: Instant) throws {
        try database.transaction {
            try insertPerson(name, role, password, now: now)
            try recordAudit("user added", of: name, "role \(role.rawValue)", by: attribution, now: now)
        }
    }

    private func insertPerson(_ name: String, _ role: Role, _ password: PasswordHash, now: Instant) throws {
        let added = try database.run(
            "INSERT INTO person (name, role, password, created_at_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", name, role.rawValue, password.text,
            now.ms)
        if added == 0 { throw AccessFault.personExists(name) }
    }

    /// Changes a password and ends all sessions of the person.
    package func setPassword(of name: String, _ password: PasswordHash, by attribution: Attribution, now: Instant) throws {
        try database.transaction {
            guard let person = try person(named: name) else { throw AccessFault.noPerson(name) }
            try database.run("UPDATE person SET password = ? WHERE id = ?", password.text, person.id)
            try database.run("DELETE FROM session WHERE person = ?", person.id)
            try recordAudit("password changed", of: name, by: attribution, now: now)
            try incrementAccessVersion()
        }
    }

    /// Removes a person and ends all sessions of the person.
    package func removePerson(_ name: String, by attribution: Attribution, now: Instant) throws {
        try database.transaction {
            // First, because this locks the version's row: two servers never remove the last two admins at once.
            try incrementAccessVersion()
            guard let person = try person(named: name) else { throw AccessFault.noPerson(name) }
            if person.role == .admin, try adminCount() == 1 { throw AccessFault.lastAdmin(name) }
            try database.run("DELETE FROM session WHERE person = ?", person.id)
            try database.run("DELETE FROM person WHERE id = ?", person.id)
            try recordAudit("user removed", of: name, by: attribution, now: now)
        }
    }

    // MARK: the first admin

    /// Makes a code with which the first admin is made.
    package func makeSetupCode(expiresAt: Instant, now: Instant) throws -> String {
        let code = try SecureToken.make()
        try database.transaction {
            try database.run("DELETE FROM setup_code WHERE expires_at_ms <= ?", now.ms)
            try database.run("INSERT INTO setup_code (sha256, expires_at_ms) VALUES (?, ?)", Archive.hash(code), expiresAt.ms)
        }
        return code
    }

    package func isSetupCode(_ code: String, now: Instant) throws -> Bool {
        try database.row("SELECT 1 FROM setup_code WHERE sha256 = ? AND expires_at_ms > ?", Archive.hash(code), now.ms) != nil
    }

    /// Makes the first admin.
    /// - Returns: `false` if the code is unknown, used or expired, or if there is an admin.
    package func addFirstAdmin(_ name: String, _ password: PasswordHash, code: String, by attribution: Attribution, now: Instant) throws -> Bool {
        try database.transaction {
            let isCode = try database.run("DELETE FROM setup_code WHERE sha256 = ? AND expires_at_ms > ?", Archive.hash(code), now.ms) > 0
            guard isCode, try adminCount() == 0 else { return false }
            try insertPerson(name, .admin, password, now: now)
            try database.run("DELETE FROM setup_code")
            try recordAudit("user added", of: name, "role admin, by the setup link", by: attribution, now: now)
            return true
        }
    }
}
