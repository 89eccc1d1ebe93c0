package import Measures

/// The first public key of this archive's releases. Later keys are in key sets. The private keys are in a file outside the archive.
extension Archive {
    /// Registers the public key that signs this archive's releases, if none is registered yet.
    /// - Returns: the registered key, in hexadecimal.
    package func registerSigningKey(_ publicKey: String) throws -> String {
        try database.transaction {
            try database.run("INSERT INTO signing_key (id, public_key) VALUES (1, ?) ON CONFLICT DO NOTHING", publicKey)
            return try signingKey() ?? publicKey
        }
    }

    /// The registered key, in hexadecimal; `nil` before the first start with a key.
    package func signingKey() throws -> String? { try database.row("SELECT public_key FROM signing_key WHERE id = 1").map { $0.text(0) } }

    /// Replaces all keys: the old keys are permanently lost. Devices accept the new key only by hand, so the key sets go too.
    package func replaceSigningKey(_ publicKey: String, by attribution: Attribution, now: Instant) throws {
        try database.transaction {
            try database.run("DELETE FROM release_key_set")
            try database.run("UPDATE device SET key_set_serial = 0")
            try database.run(
                "INSERT INTO signing_key (id, public_key) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET public_key = excluded.public_key", publicKey)
            try recordAudit("signing key replaced", of: "all devices", by: attribution, now: now)
        }
    }

    /// Whether devices or releases exist: their trust depends on the signing key.
    package func isInUse() throws -> Bool {
        try database.integer("SELECT 1 FROM device LIMIT 1") != nil || database.integer("SELECT 1 FROM release LIMIT 1") != nil
    }
}
