package import Access
package import Measures
internal import Signing
internal import Text

/// Tokens with which people and scripts use the API. Only hashes of the tokens are stored.
extension Archive {
    package struct APIToken: Sendable, Equatable {
        package let name: String
        package let role: Role
        package let author: String
        package let createdAt: Instant
        package let expiresAt: Instant?
        package let usedAt: Instant?
    }

    private static let tokenLimit: Int64 = 1_000

    package struct TooManyTokens: Error, CustomStringConvertible {
        package var description: String { "there are \(Archive.tokenLimit) tokens: revoke those that are not used" }
    }

    /// - Returns: the token, which is shown only once.
    package func addAPIToken(_ name: String, _ role: Role, expiresAt: Instant?, by attribution: Attribution, now: Instant) throws -> String {
        let token = try SecureToken.make()
        try database.transaction {
            guard try database.integer("SELECT COUNT(*) FROM api_token") ?? 0 < Archive.tokenLimit else { throw TooManyTokens() }
            let added = try database.run(
                "INSERT INTO api_token (name, sha256, role, author, created_at_ms, expires_at_ms) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                name,
                Archive.hash(token), role.rawValue, attribution.author, now.ms, expiresAt?.ms)
            if added == 0 { throw AccessFault.tokenExists(name) }
            try recordAudit(
                "token created", of: name, "role \(role.rawValue), " + (expiresAt.map { "until \(RFC3339.format(ms: $0.ms))" } ?? "without end"),
                by: attribution, now: now)
        }
        return token
    }

    package func revokeAPIToken(_ name: String, by attribution: Attribution, now: Instant) throws {
        try database.transaction {
            guard try database.run("DELETE FROM api_token WHERE name = ?", name) > 0 else { throw AccessFault.noToken(name) }
            try recordAudit("token revoked", of: name, by: attribution, now: now)
            try incrementAccessVersion()
        }
    }

    package func apiTokens() throws -> [APIToken] { try apiTokens("ORDER BY name") }

    /// The token that this secret belongs to, expired or not.
    package func apiToken(withSecret secret: String) throws -> APIToken? { try apiTokens("WHERE sha256 = ?", .text(Archive.hash(secret))).first }

    package func markAPITokenUsed(_ name: String, now: Instant) throws {
        try database.run("UPDATE api_token SET used_at_ms = ? WHERE name = ?", now.ms, name)
    }

    private func apiTokens(_ condition: String, _ values: DatabaseValue...) throws -> [APIToken] {
        try database.rows("SELECT name, role, author, created_at_ms, expires_at_ms, used_at_ms FROM api_token \(condition)", values)
            .compactMap { row in
                guard let role = Role(rawValue: row.text(1)) else { return nil }
                return APIToken(
                    name: row.text(0), role: role, author: row.text(2), createdAt: Instant(ms: row.integer(3)),
                    expiresAt: row.optionalInteger(4).map(Instant.init(ms:)), usedAt: row.optionalInteger(5).map(Instant.init(ms:)))
            }
    }
}

/// Secrets that no one can guess: 32 random bytes. The prefix lets scanners of source code recognise a token that was published by mistake.
enum SecureToken {
    static let prefix = "vaho_"
    static func make() throws -> String { prefix + Hexadecimal.text(try SecureRandom.bytes(32)) }
}
