package import Measures
internal import Text

/// Names and places of devices.
extension Archive {
    package static let formerNamesPerDevice = 20

    package struct FormerName: Sendable, Equatable {
        package let name: String
        package let replacedAt: Instant
    }

    /// The former names of a device, newest first.
    package func formerNames(of device: Int64) throws -> [FormerName] {
        try database.rows("SELECT name, until_ms FROM former_name WHERE device = ? ORDER BY until_ms DESC, name", device)
            .map { FormerName(name: $0.text(0), replacedAt: Instant(ms: $0.integer(1))) }
    }

    /// Renames a device. The device keeps its data, tokens, pins and codes; open codes for the new name become invalid. It may send under its former names, so that its own configuration can stay;
    /// therefore no other device can get a former name.
    /// - Throws: `ArchiveFault.noDevice`, `.deviceExists`, `.formerName`, `.tooManyNames`.
    package func rename(_ name: DeviceID, to new: DeviceID, by attribution: Attribution, now: Instant) throws {
        try database.transaction {
            let device = try existingDevice(name)
            guard name != new else { return }
            try database.lock(devices: [device.id])
            guard try self.device(named: new) == nil else { throw ArchiveFault.deviceExists(new) }
            // A device may get one of its own former names back.
            try database.run("DELETE FROM former_name WHERE name = ? AND device = ?", new.name, device.id)
            try checkNotFormerName(new)
            guard try formerNames(of: device.id).count < Archive.formerNamesPerDevice else {
                throw ArchiveFault.tooManyNames(name, limit: Archive.formerNamesPerDevice)
            }
            try database.run("INSERT INTO former_name (name, device, until_ms) VALUES (?, ?, ?)", name.name, device.id, now.ms)
            try database.run("UPDATE device SET name = ? WHERE id = ?", new.name, device.id)
            // A code that was made for another host of the new name would hand over this device.
            try database.run("DELETE FROM enrolment_code WHERE device = ?", new.name)
            try database.run("UPDATE enrolment_code SET device = ? WHERE device = ?", new.name, name.name)
            let (old, pin) = (ReleaseAlias.device(name).name, ReleaseAlias.device(new).name)
            try database.run("UPDATE alias SET name = ? WHERE name = ?", pin, old)
            try database.run("UPDATE alias_history SET name = ? WHERE name = ?", pin, old)
            try recordAudit("device renamed", of: new.name, "before: \(name)", by: attribution, now: now)
            try incrementAccessVersion()
        }
    }

    /// - Throws: `ArchiveFault.formerName` if a device has had this name.
    func checkNotFormerName(_ name: DeviceID) throws {
        let row = try database.row("SELECT d.name FROM former_name f JOIN device d ON d.id = f.device WHERE f.name = ?", name.name)
        if let row, let owner = DeviceID(row.text(0)) { throw ArchiveFault.formerName(name, of: owner) }
    }

    /// Sets the place of a device.
    /// - Parameter place: see `DevicePlace`.
    package func move(_ name: DeviceID, to place: String, by attribution: Attribution, now: Instant) throws {
        try database.transaction {
            let device = try existingDevice(name)
            guard device.place != place else { return }
            try setPlace(place, of: device.id, name, by: attribution, now: now)
        }
    }

    func setPlace(_ place: String, of device: Int64, _ name: DeviceID, by attribution: Attribution, now: Instant) throws {
        try database.run("UPDATE device SET place = ? WHERE id = ?", place, device)
        try recordAudit("device moved", of: name.name, "to \(place.isEmpty ? "no place" : place)", by: attribution, now: now)
    }
}
