package import Signing
internal import Text

/// A password as it is stored: scrypt with a salt of its own. The text `scrypt:N:r:p:SALT:HASH` names the cost, so that it can be raised later.
package struct PasswordHash: Sendable, Equatable {
    private let cost: Scrypt.Cost
    private let salt: [UInt8]
    private let hash: [UInt8]

    /// 32 MB of memory, and about a quarter of a second. Source: OWASP, Password Storage Cheat Sheet, which accepts N=2^15, r=8 with p=3; N=2^16 with
    /// p=2 needs 64 MB.
    package static let cost = Scrypt.Cost(rounds: 1 << 15, blockSize: 8, parallel: 3)
    package static let minimumLength = 12  // characters
    package static let byteLimit = 1_024

    /// Hashes a new password.
    package init(_ password: String) throws(SigningError) {
        let salt = try SecureRandom.bytes(16)
        (cost, self.salt) = (PasswordHash.cost, salt)
        hash = try Scrypt.hash(password.utf8, salt: salt, cost)
    }

    private init(cost: Scrypt.Cost, salt: [UInt8], hash: [UInt8]) { (self.cost, self.salt, self.hash) = (cost, salt, hash) }

    /// A hash that no password matches. Its check takes as long as that of a real hash.
    package static let unmatchable = PasswordHash(cost: cost, salt: [UInt8](repeating: 0, count: 16), hash: [UInt8](repeating: 0, count: 32))

    /// The reason to refuse a new password; `nil` if the password is accepted.
    package static func problem(with password: String, of name: String) -> String? {
        if password.unicodeScalars.count < minimumLength {
            return "a password has at least \(minimumLength) characters: a few words that only you would put together"
        }
        if password.utf8.count > byteLimit { return "a password has at most \(byteLimit) bytes" }
        if Set(password.unicodeScalars).count < 5 { return "this password repeats the same few characters" }
        if password.lowercased().contains(name.lowercased()) { return "this password contains the name" }
        return nil
    }

    /// - Returns: `nil` if the text is not a password hash.
    package init?(text: String) {
        let parts = text.split(separator: ":")
        guard parts.count == 6, parts[0] == "scrypt", let rounds = UInt64(parts[1]), let blockSize = UInt64(parts[2]),
            let parallel = UInt64(parts[3]),
            let salt = Hexadecimal.bytes(parts[4]), let hash = Hexadecimal.bytes(parts[5])
        else { return nil }
        cost = Scrypt.Cost(rounds: rounds, blockSize: blockSize, parallel: parallel)
        (self.salt, self.hash) = (salt, hash)
    }

    package var text: String {
        "scrypt:\(cost.rounds):\(cost.blockSize):\(cost.parallel):\(Hexadecimal.text(salt)):\(Hexadecimal.text(hash))"
    }

    package func matches(_ password: String) throws(SigningError) -> Bool {
        isSameSecret(try Scrypt.hash(password.utf8, salt: salt, cost), hash)
    }
}
