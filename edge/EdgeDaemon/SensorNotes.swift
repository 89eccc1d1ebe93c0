package import Measures
internal import Runtime
internal import Text

/// What people have said of a device's sensors, the oldest first: a line each in the state folder, written by `vaho-edge calibrate` and
/// `vaho-edge sensors`, read by the daemon. Lines are only ever added: what was, can be seen.
package struct SensorNotes: Sendable {
    package struct Rename: Sendable, Equatable {
        package let sensor: SensorName
        package let name: SensorName
        package let saidAt: Instant
    }

    /// The records that the lines make, by the names that sensors have now. An undo is all that was in force before, once more.
    package private(set) var calibrations: [Calibration] = []
    /// Those that are not undone. A replacement is one without effect, from its time on.
    package private(set) var inForce: [Calibration] = []
    package private(set) var renames: [Rename] = []
    package private(set) var serials: [SensorName: String] = [:]  // of the parts that replaced others
    package private(set) var problem: String?  // a line that says nothing known; it is passed over
    private var saidAt = Instant(ms: 0)

    private static let name = "sensor-notes"
    private static let limit = 1 << 20
    private static func path(_ folder: String) -> String { "\(folder)/\(name)" }

    package init() {}

    /// - Throws: `FileError`.
    package init(in folder: String) throws {
        guard Files.exists(SensorNotes.path(folder)) else { return }
        let text = String(decoding: try Files.read(SensorNotes.path(folder), limit: SensorNotes.limit), as: UTF8.self)
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() where !line.isEmpty {
            if !take(Line(line)) { problem = problem ?? "\(SensorNotes.path(folder)): line \(number + 1) is not understood" }
        }
    }

    // MARK: reading

    /// `SENSOR WORD key=value … at=TIME`
    private struct Line {
        let sensor: SensorName
        let word: String
        let at: Instant
        private let values: [Substring]

        init?(_ line: Substring) {
            let words = line.split(separator: " ")
            guard words.count >= 3, let sensor = SensorName(String(words[0])) else { return nil }
            guard let at = Line.value("at", words).flatMap({ RFC3339.parse($0) }) else { return nil }
            (self.sensor, word, values, self.at) = (sensor, String(words[1]), Array(words[2...]), Instant(ms: at))
        }

        private static func value(_ key: String, _ words: some Sequence<Substring>) -> String? {
            words.first { $0.hasPrefix(key + "=") }.map { String($0.dropFirst(key.utf8.count + 1)) }
        }
        func value(_ key: String) -> String? { Line.value(key, values) }
        func instant(_ key: String) -> Instant? { value(key).flatMap { RFC3339.parse($0) }.map(Instant.init(ms:)) }
    }

    /// - Returns: false for a line that says nothing known.
    private mutating func take(_ line: Line?) -> Bool {
        guard let line, Instant.valid.contains(line.at) else { return false }
        let sensor = line.sensor
        switch line.word {
        case "calibrated":
            guard let from = line.instant("from"), let gain = line.value("gain_ppm").flatMap({ Int32($0) }),
                let offset = line.value("offset_mpct").flatMap({ Int32($0) })
            else { return false }
            let calibration = Calibration(sensor: sensor, from: from, saidAt: line.at, gainPpm: gain, offsetMpct: offset)
            guard calibration.isValid else { return false }
            calibrations.append(calibration)
            inForce.append(calibration)
        case "replaced":
            guard let from = line.instant("from"), Instant.valid.contains(from) else { return false }
            let none = Calibration(sensor: sensor, from: from, saidAt: line.at)
            calibrations.append(none)
            inForce.append(none)
            serials[sensor] = line.value("serial") ?? ""
        case "undone":
            guard let last = inForce.lastIndex(where: { $0.sensor == sensor }) else { return false }
            let first = inForce.filter { $0.sensor == sensor }.map(\.from).min() ?? line.at
            inForce.remove(at: last)
            // Each at a time of its own: a commit may part them.
            for (place, said) in ([Calibration(sensor: sensor, from: first)] + inForce.filter { $0.sensor == sensor }).enumerated() {
                var again = said
                again.saidAt = line.at + .milliseconds(place)
                calibrations.append(again)
            }
        case "renamed":
            guard let name = line.value("name").flatMap(SensorName.init), name != sensor else { return false }
            renames.append(Rename(sensor: sensor, name: name, saidAt: line.at))
            for place in calibrations.indices where calibrations[place].sensor == sensor { calibrations[place].sensor = name }
            for place in inForce.indices where inForce[place].sensor == sensor { inForce[place].sensor = name }
            serials[name] = serials[name] ?? serials.removeValue(forKey: sensor)
        default: return false
        }
        saidAt = max(saidAt, line.at, calibrations.last?.saidAt ?? line.at)
        return true
    }

    // MARK: writing

    package enum Note: Sendable {
        case calibrated(Calibration)
        case undone(SensorName)
        case replaced(SensorName, from: Instant, serial: String)
        case renamed(SensorName, to: SensorName)
    }

    /// Adds a line that is younger than all before, whatever the clock shows.
    package static func add(_ note: Note, in folder: String) throws {
        try Files.makeFolder(folder)
        let lock = try FolderLock(folder, name: "\(name).lock", isWaitedFor: true)
        defer { withExtendedLifetime(lock) {} }
        let at = max(LabelClock.wallClock, try SensorNotes(in: folder).saidAt + .seconds(1))
        func time(_ instant: Instant) -> String { RFC3339.format(ms: instant.ms) }
        let text =
            switch note {
            case .calibrated(let said):
                "\(said.sensor) calibrated from=\(time(said.from)) gain_ppm=\(said.gainPpm) offset_mpct=\(said.offsetMpct)"
            case .undone(let sensor): "\(sensor) undone"
            case .replaced(let sensor, let from, let serial):
                "\(sensor) replaced from=\(time(from))\(serial.isEmpty ? "" : " serial=\(serial)")"
            case .renamed(let sensor, let name): "\(sensor) renamed name=\(name)"
            }
        let before = Files.exists(path(folder)) ? try Files.read(path(folder), limit: limit) : []
        try Files.replace(path(folder), with: before + Array("\(text) at=\(time(at))\n".utf8))
    }
}
