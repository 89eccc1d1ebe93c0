package import Measures
internal import Signing
internal import Text

/// Enrolment codes. A code admits one device, once, before the code expires. Only hashes of codes are stored.
extension Archive {
    /// Makes a code that enrols one device, once, before the code expires: ten letters and digits that are easy to tell apart.
    package func makeCode(for name: DeviceID, validFor validity: Duration, by attribution: Attribution, now: Instant) throws -> String {
        try database.transaction {
            try checkNotFormerName(name)
            return try insertCode(for: name, until: now + validity, by: attribution, now: now)
        }
    }

    private func insertCode(for name: DeviceID, until end: Instant, by attribution: Attribution, now: Instant) throws -> String {
        let letters = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ")  // Crockford's base 32: letters and digits that people do not confuse
        let symbols = try SecureRandom.bytes(10).map { letters[Int($0 & 31)] }
        let code = String(symbols.prefix(5)) + "-" + String(symbols.suffix(5))
        try database.run(
            "INSERT INTO enrolment_code VALUES (?, ?, ?, ?, NULL)", Archive.hash(Archive.normalised(code)), name.name, now.ms, end.ms)
        try recordAudit("enrolment code made", of: name.name, "until \(RFC3339.format(ms: end.ms))", by: attribution, now: now)
        return code
    }

    /// A device that is to be enrolled.
    package struct NewDevice: Sendable, Equatable {
        package let name: DeviceID
        package var tags: [String]
        package var place: String

        package init(name: DeviceID, tags: [String] = [], place: String = "") { (self.name, self.tags, self.place) = (name, tags, place) }
    }

    package static let devicesPerEnrolment = 1_000

    /// Creates devices with their tags and places, and makes an enrolment code for each: all of them, or none if one cannot be created.
    /// - Throws: `ArchiveFault.deviceExists`, also for a revoked device; `ArchiveFault.formerName`.
    /// - Returns: the codes, in the order of `devices`.
    package func enrol(_ devices: [NewDevice], validFor validity: Duration, by attribution: Attribution, now: Instant) throws -> [String] {
        try database.transaction {
            try devices.map { new in
                guard try device(named: new.name) == nil else { throw ArchiveFault.deviceExists(new.name) }
                let id = try createOrReinstateDevice(new.name, now: now)
                try recordAudit("device added", of: new.name.name, by: attribution, now: now)
                if !new.place.isEmpty { try setPlace(new.place, of: id, new.name, by: attribution, now: now) }
                try replaceTags(new.tags, of: id, new.name, by: attribution, now: now)
                return try insertCode(for: new.name, until: now + validity, by: attribution, now: now)
            }
        }
    }

    /// Exchanges a code for a device and a token. If the answer gets lost, the code can be used again: the code is spent when the token is first
    /// used.
    /// - Returns: `nil` for a code that is unknown, spent or expired; `isReissue` if the code has issued a token before, which is now invalid.
    /// - Parameter address: of the device.
    package func enrol(code: String, from address: String, now: Instant) throws -> (device: DeviceID, token: String, isReissue: Bool)? {
        let hash = Archive.hash(Archive.normalised(code))
        return try database.transaction {
            guard
                let row = try database.row(
                    "SELECT device FROM enrolment_code WHERE sha256 = ? AND used_at_ms IS NULL AND expires_at_ms > ?", hash, now.ms),
                let name = DeviceID(row.text(0))
            else { return nil }
            let token = Hexadecimal.text(try SecureRandom.bytes(32))
            // Revoked tokens stay invalid when the device is admitted again.
            if let known = try device(named: name), known.revokedAt != nil { try database.run("DELETE FROM token WHERE device = ?", known.id) }
            let device = try createOrReinstateDevice(name, now: now)
            let isReissue = try database.run("DELETE FROM token WHERE replaces = ?", hash) > 0
            try insert(token: token, device, replaces: hash, now: now)
            let attribution = Attribution(author: name.name, origin: address, reason: "")
            try recordAudit(isReissue ? "device enrolled again" : "device enrolled", of: name.name, by: attribution, now: now)
            try incrementAccessVersion()
            return (name, token, isReissue)
        }
    }

    /// The device that a code was issued for, even if the code is used or expired; `nil`: the code is unknown.
    package func device(ofCode code: String) throws -> DeviceID? {
        try database.row("SELECT device FROM enrolment_code WHERE sha256 = ?", Archive.hash(Archive.normalised(code)))
            .flatMap { row in DeviceID(row.text(0)) }
    }

    /// Removes hyphens and spaces, and replaces letters that look like digits, as a person may type or read out the code.
    private static func normalised(_ code: String) -> String {
        String(code.uppercased().filter { $0 != "-" && $0 != " " }.map { $0 == "O" ? "0" : $0 == "I" || $0 == "L" ? "1" : $0 })
    }
}
