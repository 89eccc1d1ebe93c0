internal import EdgeStore
internal import Measures
internal import Runtime
internal import Signing
internal import Synchronization
internal import TrustedReleases
internal import Wire

/// The settings that an admin has chosen for this device in the cloud. They are kept in a file of the state folder, and override the device's own
/// configuration: otherwise a change would have no effect on a device whose configuration has the setting.
package final class RemoteSettings: Sendable {
    private let folder: String
    private let keyFile: String?
    /// Checks the settings together with the device's own configuration. Throws if they do not fit.
    private let check: @Sendable ([String: String]) throws -> Void
    private let reload: ReloadRequests
    private let refused: Mutex<SettingsReport?>
    private let log: Log

    /// - Parameter problem: why the stored settings are not in use; `nil` if they are.
    init(
        folder: String, keyFile: String?, problem: String?, reload: ReloadRequests, log: Log,
        check: @escaping @Sendable ([String: String]) throws -> Void
    ) {
        (self.folder, self.keyFile, self.reload, self.log, self.check) = (folder, keyFile, reload, log, check)
        refused = Mutex(problem.map { SettingsReport(serial: (try? RemoteSettings.text(in: folder))??.serial ?? 0, problem: $0) })
    }

    private static func path(_ folder: String) -> String { "\(folder)/remote-settings" }

    /// The stored settings, without the calibrations; empty without a file.
    /// - Throws: `FileError`, or `DeviceSettingsRefusal` for a damaged file.
    package static func stored(in folder: String) throws -> (serial: UInt64, settings: [String: String]) {
        guard let text = try text(in: folder) else { return (0, [:]) }
        return (text.serial, text.settings.filter { !$0.key.hasPrefix(RemoteSetting.calibration) })
    }

    private static func text(in folder: String) throws -> DeviceSettingsText? {
        guard Files.exists(path(folder)) else { return nil }
        return try DeviceSettingsText(String(decoding: Files.read(path(folder), limit: DeviceSettingsText.byteLimit), as: UTF8.self))
    }

    /// The report to the cloud: the serial of the settings in use, or of later settings that this device has refused.
    var report: SettingsReport {
        let serial = (try? RemoteSettings.stored(in: folder).serial) ?? 0
        return refused.withLock { $0 } ?? SettingsReport(serial: serial)
    }

    /// Takes settings that the cloud has sent: checks signature, device and serial, stores them, and has the daemon read its configuration again.
    /// - Parameter device: the name under which this device sends.
    func accept(_ text: String, for device: DeviceID, offered: UInt64) {
        do {
            let new = try DeviceSettingsText(text)
            guard new.isSigned(by: try KeyFiles(folder: folder, configured: keyFile).ring().releaseKeys) else {
                throw DeviceSettingsRefusal.signature
            }
            guard new.device == device.name else { throw DeviceSettingsRefusal.otherDevice(new.device) }
            let known = (try? RemoteSettings.stored(in: folder).serial) ?? 0
            guard new.serial > known else { throw DeviceSettingsRefusal.serial(offered: new.serial, accepted: known) }
            if let name = new.settings.keys.first(where: { !RemoteSetting.isAllowed($0) }) { throw DeviceSettingsRefusal.notAllowed(name) }
            let own = new.settings.filter { !$0.key.hasPrefix(RemoteSetting.calibration) }
            do { try check(own) } catch { throw DeviceSettingsRefusal.invalid("\(error)") }
            try calibrate(new.settings)
            try Files.replace(RemoteSettings.path(folder), with: Array(new.text.utf8))
            refused.withLock { $0 = nil }
            log(.info, "settings from the cloud accepted", ["serial": new.serial, "settings": new.settings.count])
            reload.request()
        } catch let refusal as DeviceSettingsRefusal {
            refused.withLock { $0 = SettingsReport(serial: offered, problem: "\(refusal)") }
            log(.error, "settings from the cloud refused", ["serial": offered, "reason": "\(refusal)"])
        } catch {
            log(.error, "settings from the cloud not stored, retrying with the next batch", ["serial": offered, "error": "\(error)"])
        }
    }

    /// Adds a sensor note for each calibration that differs from the one that the cloud sent before. The new calibration applies from now on. A calibration
    /// that somebody has made on the device meanwhile stays.
    private func calibrate(_ settings: [String: String]) throws {
        let before = (try? RemoteSettings.text(in: folder))??.settings ?? [:]
        for (name, value) in settings where name.hasPrefix(RemoteSetting.calibration) && before[name] != value {
            guard let sensor = SensorName(name.dropFirst(RemoteSetting.calibration.utf8.count).lowercased()), let wanted = RemoteCalibration(value)
            else {
                throw DeviceSettingsRefusal.invalid("\(name)=\(value): expected a sensor, with gain and offset")
            }
            let calibration = Calibration(sensor: sensor, from: WallClock.now, gainPpm: wanted.gainPpm, offsetMpct: wanted.offsetMpct)
            try SensorNotes.add(.calibrated(calibration), in: folder)
        }
    }
}
