package import Measures
internal import Runtime
internal import Text

/// The calibrations of a device's sensors, the oldest first: a line each in the state folder, written by `vaho-edge calibrate`, read
/// by the daemon. Lines are only ever added: what was, can be seen. «SENSOR undo» takes the last one back that is in force.
package enum CalibrationFile {
    private static let name = "calibrations"
    private static let limit = 1 << 20
    private static func path(_ folder: String) -> String { "\(folder)/\(name)" }

    /// - Returns: `log`: the records that these lines make, where an undo is all that was in force before, once more; `inForce`: what
    ///   is not undone, the oldest first.
    /// - Throws: `FileError`; a line that is none is passed over, and given out in `problem`.
    package static func read(_ folder: String) throws -> (log: [Calibration], inForce: [Calibration], problem: String?) {
        guard Files.exists(path(folder)) else { return ([], [], nil) }
        var log: [Calibration] = []
        var inForce: [Calibration] = []
        var problem: String?
        let text = String(decoding: try Files.read(path(folder), limit: limit), as: UTF8.self)
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() where !line.isEmpty {
            if let calibration = calibration(line) {
                log.append(calibration)
                inForce.append(calibration)
            } else if line.hasSuffix(" undo"), let sensor = SensorName(String(line.dropLast(5))),
                let last = inForce.lastIndex(where: { $0.sensor == sensor })
            {
                let first = inForce.filter { $0.sensor == sensor }.map(\.from).min() ?? Instant(ms: 0)
                inForce.remove(at: last)
                log += [Calibration(sensor: sensor, from: first)] + inForce.filter { $0.sensor == sensor }
            } else {
                problem = problem ?? "\(path(folder)): line \(number + 1) is no calibration"
            }
        }
        return (log, inForce, problem)
    }

    package static func undo(_ sensor: SensorName, in folder: String) throws { try add("\(sensor) undo\n", in: folder) }

    package static func add(_ calibration: Calibration, in folder: String) throws {
        let line =
            "\(calibration.sensor) from=\(RFC3339.format(ms: calibration.from.ms)) gain_ppm=\(calibration.gainPpm) offset_mpct=\(calibration.offsetMpct)\n"
        try add(line, in: folder)
    }

    private static func add(_ line: String, in folder: String) throws {
        try Files.makeFolder(folder)
        let before = Files.exists(path(folder)) ? try Files.read(path(folder), limit: limit) : []
        try Files.replace(path(folder), with: before + Array(line.utf8))
    }

    private static func calibration(_ line: Substring) -> Calibration? {
        let words = line.split(separator: " ")
        func value(_ place: Int, _ key: String) -> Substring? { words[place].hasPrefix(key + "=") ? words[place].dropFirst(key.utf8.count + 1) : nil }
        guard words.count == 4, let sensor = SensorName(String(words[0])), let from = value(1, "from").flatMap({ RFC3339.parse(String($0)) }),
            let gain = value(2, "gain_ppm").flatMap({ Int32($0) }), let offset = value(3, "offset_mpct").flatMap({ Int32($0) })
        else { return nil }
        let calibration = Calibration(sensor: sensor, from: Instant(ms: from), gainPpm: gain, offsetMpct: offset)
        return calibration.isValid ? calibration : nil
    }
}
