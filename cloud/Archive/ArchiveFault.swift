package import Measures

/// Why the archive cannot execute a request, with the remedy for the person who reads the message.
package enum ArchiveFault: Error, Equatable, CustomStringConvertible {
    case noArchive(path: String)
    case unsupportedSchema(Int64, path: String)
    /// The database's own tools make the backup.
    case backUpByServer
    /// `vaho-cloud migrate` has not copied everything yet.
    case unfinishedMigration(from: String)
    case noDevice(DeviceID)
    case deviceExists(DeviceID)
    /// A device has had this name, and may still send under it.
    case formerName(DeviceID, of: DeviceID)
    case tooManyNames(DeviceID, limit: Int)
    /// A bin of observations with counts or sums that no readings can have.
    case damagedBin(sensor: Int64, validAt: Instant)
    /// A row of another table, with values that no version of the program writes. The text names the table, the row and the wrong values.
    case damagedRow(String)

    package var description: String { "\(problem): \(hint)" }

    private var problem: String {
        switch self {
        case .noArchive(let path): "there is no archive at \(path)"
        case .unsupportedSchema(let version, let path):
            "\(path) has schema \(version), this vaho-cloud supports schema \(ArchiveSchema.version)"
        case .backUpByServer: "an archive in PostgreSQL is backed up by the server's tools"
        case .unfinishedMigration(let source): "the migration from \(source) into this archive has not finished"
        case .noDevice(let device): "there is no device \(device)"
        case .deviceExists(let device): "the device \(device) already exists"
        case .formerName(let name, let device): "\(name) is a former name of the device \(device), which may still send under it"
        case .tooManyNames(let device, let limit): "the device \(device) already has \(limit) former names"
        case .damagedBin(let sensor, let validAt):
            "observation_bin: the row of sensor \(sensor) at \(validAt.ms) has values that no readings can have"
        case .damagedRow(let row): row
        }
    }

    /// The remedy, for the person who reads the message.
    package var hint: String {
        switch self {
        case .noArchive: "check VAHO_STORE; vaho-cloud serve creates an archive"
        case .unsupportedSchema(let version, _) where version < ArchiveSchema.version: "vaho-cloud serve migrates the archive when it starts"
        case .unsupportedSchema: "use the version that wrote the archive"
        case .backUpByServer: "use pg_dump or pg_basebackup, and copy the signing key"
        case .unfinishedMigration: "run the same vaho-cloud migrate again"
        case .noDevice: "vaho-cloud device list shows all devices"
        case .deviceExists(let device): "revoke it first (vaho-cloud device revoke \(device)) to give it a new token"
        case .formerName(_, let device): "choose another name, or rename \(device) back"
        case .tooManyNames: "rename the device to one of its former names, or delete the device and enrol it again"
        case .damagedBin: "vaho-cloud rebuild derives observations again from the log"
        case .damagedRow: "the archive was edited or is damaged, restore a backup"
        }
    }
}
