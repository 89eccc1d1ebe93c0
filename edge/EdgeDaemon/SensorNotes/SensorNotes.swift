package import Measures
internal import Runtime
internal import Text

/// Notes about the sensors of a device, oldest first: one line per note in a file of the state folder. The commands `vaho-edge calibrate` and
/// `vaho-edge sensors` write the notes, the daemon reads them. Lines are only appended, so that the history stays visible.
package struct SensorNotes: Sendable {
    package struct Rename: Sendable, Hashable {
        package let sensor: SensorName
        package let name: SensorName
        package let enteredAt: Instant
    }

    /// A calibration, or a replaced part: a calibration without effect from the time of the replacement on.
    private struct Entry {
        var calibration: Calibration
        var serial: String?  // the serial number of a replaced part
    }

    /// The calibration records that the lines produce, by the sensor names at that time. An undo repeats all calibrations that were in force
    /// before.
    package private(set) var calibrations: [Calibration] = []
    package private(set) var renames: [Rename] = []  // renames that lead to a configured name
    package private(set) var unconfiguredRenames: [Rename] = []  // renames whose new name is not in the configuration
    package private(set) var problem: String?  // the first line that cannot be parsed; the line is ignored
    private var entries: [Entry] = []  // calibrations and replacements that are not undone, by the current sensor names
    private var enteredAt = Instant(ms: 0)

    /// The calibrations that are not undone, by the current sensor names.
    package var inForce: [Calibration] { entries.map(\.calibration) }

    /// The serial number of the current part, if a note has one.
    package func serial(of sensor: SensorName) -> String? { entries.last { $0.calibration.sensor == sensor && $0.serial != nil }?.serial }

    private static let name = "sensor-notes"
    private static let limit = 1 << 18
    private static func path(_ folder: String) -> String { "\(folder)/\(name)" }

    package init() {}

    /// - Parameters:
    ///   - names: the sensor names in the configuration. A rename is unconfigured if its new name is not in the configuration, no
    ///     later rename leads to a configured name, and the store has not applied the rename. `nil`: no rename is unconfigured.
    ///   - applied: the renames that the store has applied.
    /// - Throws: `FileError` if the file exists and cannot be read.
    package init(in folder: String, names: Set<SensorName>? = nil, applied: [SensorRename] = []) throws {
        self.init(text: try SensorNotes.text(in: folder), path: SensorNotes.path(folder), names: names, applied: applied)
    }

    /// - Throws: `FileError` if the file exists and cannot be read.
    static func text(in folder: String) throws(FileError) -> [UInt8] {
        Files.exists(path(folder)) ? try Files.read(path(folder), limit: limit) : []
    }

    init(text: [UInt8], path: String, names: Set<SensorName>?, applied: [SensorRename]) {
        var lines: [Line] = []
        for (number, words) in TextLines.split(text).enumerated() {
            if words.isEmpty { continue }
            if let line = Line(words[...]) { lines.append(line) } else { problem = problem ?? "\(path): line \(number + 1) cannot be parsed" }
        }
        var reachableNames = names
        for line in lines.reversed() {
            guard case .renamed(let name) = line.said else { continue }
            let rename = Rename(sensor: line.sensor, name: name, enteredAt: line.at)
            let isApplied = applied.contains { $0.sensor == rename.sensor && $0.name == name && $0.enteredAt == rename.enteredAt }
            guard isApplied || reachableNames?.contains(name) ?? true else {
                unconfiguredRenames.insert(rename, at: 0)
                continue
            }
            renames.insert(rename, at: 0)
            reachableNames?.insert(line.sensor)
        }
        for line in lines { apply(line) }
    }

    // MARK: reading

    /// `SENSOR WORD key=value … at=TIME`
    private struct Line {
        enum Change {
            case calibrated(from: Instant, gainPpm: Int32, offsetMpct: Int32)
            case replaced(from: Instant, serial: String)
            case undone
            case renamed(SensorName)
        }

        let sensor: SensorName
        let said: Change
        let at: Instant

        /// `nil` for a line that cannot be parsed.
        init?(_ line: Substring) {
            let words = line.split(separator: " ")
            func value(_ key: String) -> String? {
                words.dropFirst(2).first { $0.hasPrefix(key + "=") }.map { String($0.dropFirst(key.utf8.count + 1)) }
            }
            func instant(_ key: String) -> Instant? {
                value(key).flatMap { RFC3339.parse($0) }.map(Instant.init(ms:)).flatMap { Instant.valid.contains($0) ? $0 : nil }
            }
            guard words.count >= 3, let sensor = SensorName(String(words[0])), let at = instant("at") else { return nil }
            (self.sensor, self.at) = (sensor, at)
            switch words[1] {
            case "calibrated":
                guard let from = instant("from"), let gain = value("gain_ppm").flatMap({ Int32($0) }),
                    let offset = value("offset_mpct").flatMap({ Int32($0) }),
                    Calibration(sensor: sensor, from: from, gainPpm: gain, offsetMpct: offset).isValid
                else { return nil }
                said = .calibrated(from: from, gainPpm: gain, offsetMpct: offset)
            case "replaced":
                guard let from = instant("from") else { return nil }
                said = .replaced(from: from, serial: value("serial") ?? "")
            case "undone": said = .undone
            case "renamed":
                guard let name = value("name").flatMap(SensorName.init), name != sensor else { return nil }
                said = .renamed(name)
            default: return nil
            }
        }
    }

    private mutating func apply(_ line: Line) {
        let sensor = line.sensor
        switch line.said {
        case .calibrated(let from, let gain, let offset):
            add(Calibration(sensor: sensor, from: from, enteredAt: line.at, gainPpm: gain, offsetMpct: offset), serial: nil)
        case .replaced(let from, let serial): add(Calibration(sensor: sensor, from: from, enteredAt: line.at), serial: serial)
        case .undone:
            guard let last = entries.lastIndex(where: { $0.calibration.sensor == sensor }) else { return }
            let first = inForce.filter { $0.sensor == sensor }.map(\.from).min() ?? line.at
            entries.remove(at: last)
            // Each calibration has its own time, because separate commits may store them.
            for (index, calibration) in ([Calibration(sensor: sensor, from: first)] + inForce.filter { $0.sensor == sensor }).enumerated() {
                var repeated = calibration
                repeated.enteredAt = line.at + .milliseconds(index)
                calibrations.append(repeated)
            }
        case .renamed(let name):
            guard renames.contains(Rename(sensor: sensor, name: name, enteredAt: line.at)) else { break }
            for index in entries.indices where entries[index].calibration.sensor == sensor { entries[index].calibration.sensor = name }
        }
        enteredAt = max(enteredAt, line.at, calibrations.last?.enteredAt ?? line.at)
    }

    private mutating func add(_ calibration: Calibration, serial: String?) {
        calibrations.append(calibration)
        entries.append(Entry(calibration: calibration, serial: serial))
    }

    // MARK: writing

    package enum Note: Sendable {
        case calibrated(Calibration)
        case undone(SensorName)
        case replaced(SensorName, from: Instant, serial: String)
        case renamed(SensorName, to: SensorName)
    }

    /// Appends a line. Its time is later than the times of all earlier lines, whatever the clock shows.
    package static func add(_ note: Note, in folder: String) throws {
        try Files.createFolder(folder)
        let lock = try FolderLock(folder, name: "\(name).lock", waits: true)
        defer { withExtendedLifetime(lock) {} }
        let at = max(WallClock.now, try SensorNotes(in: folder).enteredAt + .seconds(1))
        func time(_ instant: Instant) -> String { RFC3339.format(ms: instant.ms) }
        let text =
            switch note {
            case .calibrated(let calibration):
                "\(calibration.sensor) calibrated from=\(time(calibration.from)) gain_ppm=\(calibration.gainPpm) offset_mpct=\(calibration.offsetMpct)"
            case .undone(let sensor): "\(sensor) undone"
            case .replaced(let sensor, let from, let serial):
                "\(sensor) replaced from=\(time(from))\(serial.isEmpty ? "" : " serial=\(serial)")"
            case .renamed(let sensor, let name): "\(sensor) renamed name=\(name)"
            }
        var all = try self.text(in: folder)
        if let last = all.last, last != UInt8(ascii: "\n") { all.append(UInt8(ascii: "\n")) }  // an editor may omit the last line break
        try Files.replace(path(folder), with: all + Array("\(text) at=\(time(at))\n".utf8))
    }
}
