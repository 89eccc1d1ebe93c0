internal import Console
internal import EdgeDaemon
internal import Measures
internal import Runtime
internal import Text

extension Program.Command {
    static let calibrate = Program.Command(
        "calibrate", "calibrate a sensor from now on or since a time; without a value, show the calibrations in force",
        usage: "SENSOR [--two-point READING:TRUE,READING:TRUE | --gain FACTOR] [--offset PERCENT] [--since TIME] | SENSOR --undo",
        options: [
            .config,
            Arguments.Option("two-point", value: "PAIRS", "the readings at two references, each with the true value or a salt: 31.9:mgcl2,76.8:nacl"),
            Arguments.Option("gain", value: "FACTOR", "multiplies each reading, 0.5 to 2"),
            Arguments.Option("offset", value: "PERCENT", "added after the gain, -50 to 50"),
            Arguments.Option("since", value: "TIME", "time of the first calibrated reading, RFC 3339 (default: now)"),
            Arguments.Option("undo", "undo the last calibration or replacement in force"), OutputFormat.option,
        ], positional: 1...1
    ) { arguments in
        let settings = try EdgeSettings.read(arguments, sensorsNeeded: false)
        let sensor = try settings.configured(arguments.positional[0])
        let notes = try await settings.sensorNotes()
        if let problem = notes.problem { StandardError.write("vaho-edge calibrate: \(problem), ignored\n") }
        let before = notes.inForce.filter { $0.sensor == sensor }
        let wantsUndo = arguments.hasFlag("undo")
        let values = ["two-point", "gain", "offset", "since"].filter { arguments.value($0) != nil }
        if wantsUndo, let other = values.first { throw UsageError("--undo and --\(other) do not go together") }
        guard wantsUndo || !values.isEmpty else { return printCalibrations(before, try arguments.choice("format", default: OutputFormat.table)) }
        if wantsUndo {
            guard !before.isEmpty else { throw UsageError("\(sensor) has no calibration to undo") }
            try SensorNotes.add(.undone(sensor), in: settings.stateFolder)
        } else {
            try SensorNotes.add(.calibrated(try requestedCalibration(arguments, sensor)), in: settings.stateFolder)
        }
        printCalibrations(try await settings.sensorNotes().inForce.filter { $0.sensor == sensor }, .table)
        Paragraph.write("the daemon applies the calibration with its next commit; stored readings stay unchanged, later observations are recomputed")
    }

    private static func requestedCalibration(_ arguments: Arguments, _ sensor: SensorName) throws -> Calibration {
        let from = try arguments.pastTime("since") ?? WallClock.now
        if let pairs = arguments.value("two-point") {
            guard arguments.value("gain") == nil, arguments.value("offset") == nil else {
                throw UsageError("--two-point sets gain and offset: leave out --gain and --offset")
            }
            let points = try pairs.split(separator: ",").map { try point($0) }
            guard points.count == 2 else { throw UsageError("--two-point \(pairs): expected two pairs, such as 31.9:mgcl2,76.8:nacl") }
            guard let found = Calibration.twoPoint(points[0], points[1], sensor: sensor, from: from) else {
                throw UsageError(
                    "--two-point \(pairs): the points are less than 10 % apart, or the error of the sensor is too large for a calibration")
            }
            return found
        }
        func number(_ name: String, _ fallback: Double) throws -> Double {
            guard let text = arguments.value(name) else { return fallback }
            guard let value = NumberText.decimal(text), value.magnitude <= 100 else { throw UsageError("--\(name) \(text): expected a number") }
            return value
        }
        let calibration = Calibration(
            sensor: sensor, from: from, gainPpm: Int32((try number("gain", 1) * 1_000_000).rounded()),
            offsetMpct: Int32((try number("offset", 0) * 1_000).rounded()))
        guard calibration.isValid else { throw UsageError("a gain is 0.5 to 2, an offset -50 to 50 %") }
        return calibration
    }

    /// Relative humidity over saturated salts at 25 °C: L. Greenspan, J. Res. Natl. Bur. Stand. 81A (1977), 89–96.
    private static let salts = ["licl": 11.3, "mgcl2": 32.8, "nacl": 75.3, "kcl": 84.3, "k2so4": 97.3]

    private static func point(_ text: Substring) throws -> (measured: Double, reference: Double) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, let measured = NumberText.decimal(parts[0]),
            let reference = salts[parts[1].lowercased()] ?? NumberText.decimal(parts[1]),
            (0...100).contains(measured), (0...100).contains(reference)
        else {
            throw UsageError(
                "«\(text)»: expected READING:TRUE, such as 31.9:32.8, or a salt at 25 °C: \(salts.keys.sorted().joined(separator: ", "))"
            )
        }
        return (measured, reference)
    }

    private static func printCalibrations(_ calibrations: [Calibration], _ format: OutputFormat) {
        var table = Table([.text("sensor"), .text("since"), .number("gain"), .number("offset_pct")])
        for calibration in calibrations {
            table.addRow([
                calibration.sensor.name, RFC3339.format(ms: calibration.from.ms), fixed(Double(calibration.gainPpm) / 1_000_000, 6),
                fixed(Double(calibration.offsetMpct) / 1_000, 3),
            ])
        }
        table.write(format)
    }
}
