internal import Archive
internal import Console
internal import Measures
internal import Text

extension Arguments {
    /// The value of an option as a time; `nil` without the option.
    func instant(_ name: String) throws -> Instant? {
        guard let text = value(name) else { return nil }
        guard let ms = RFC3339.parse(text), Instant.valid.contains(Instant(ms: ms)) else {
            throw UsageError("--\(name)=\(text): expected a time such as 2026-11-21T04:10:00Z")
        }
        return Instant(ms: ms)
    }

    /// A positional argument that is the name of a device, known to the archive or not.
    func deviceName(at index: Int = 0) throws -> DeviceID {
        guard let name = DeviceID(positional[index]) else {
            throw UsageError("«\(PrintableText.line(positional[index], limit: 64))» is not a device name: expected \(DeviceID.syntax)")
        }
        return name
    }
}

extension Archive {
    /// The device that a person has named.
    /// - Throws: `CommandFailure` if there is none.
    func existingDevice(_ text: String) throws -> Device {
        guard let name = DeviceID(text), let device = try device(named: name) else {
            throw CommandFailure("there is no device \(text): vaho-cloud device list shows all devices")
        }
        return device
    }
}
