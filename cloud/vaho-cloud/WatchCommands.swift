internal import Archive
internal import Console
internal import Measures
internal import Pipeline
internal import Runtime
internal import Text
internal import Watch

/// Commands about the watch of sensors.
extension Program.Command {
    static let watchSensors = Program.Command(
        "watch sensors", "the health of each sensor: drift against its peers, noise, flat line", usage: "[--limit NUMBER] [--format FORMAT]",
        options: [.config, .store, OutputFormat.option, Arguments.Option("limit", value: "NUMBER", "at most this many sensors (default 1000)")]
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let limit = try arguments.integer("limit", in: 1...1_000_000) ?? 1_000
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        var table = Table([
            .text("device"), .text("sensor"), .text("health"), .text("drift_check", heading: "drift check"), .number("peers", isOmittable: true),
            .number("drift_sum", heading: "drift sum"), .text("judged", heading: "judged through"),
        ])
        for judgement in try await archive.sensorJudgements(limit: limit) {
            table.addRow([
                judgement.device.name, judgement.sensor.name, judgement.alarm?.rawValue ?? "ok",
                judgement.isBiasObservable ? "possible" : "bias cannot be observed", String(judgement.peers),
                NumberText.fixed(judgement.driftSum, places: 1) ?? "", String(RFC3339.format(ms: judgement.day * 86_400_000).prefix(10)),
            ])
        }
        table.write(format)
    }

    static let watchModel = Program.Command(
        "watch model", "the health of the champion: skill and coverage at each lead time over the last 28 days", usage: "[--format FORMAT]",
        options: [.config, .store, OutputFormat.option]
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        var table = Table([
            .number("release"), .number("lead_time"), .text("health"), .number("targets"), .number("skill"), .number("expected"),
            .number("coverage_80"), .text("through"),
        ])
        for judgement in try await archive.modelJudgements() {
            let health = judgement.health
            table.addRow([
                String(judgement.release), DurationText.short(judgement.lead), health.state.rawValue, String(Int(health.targets)),
                fixed(health.skill), fixed(health.expected), fixed(health.coverage),
                String(RFC3339.format(ms: judgement.day * 86_400_000).prefix(10)),
            ])
        }
        table.write(format)
    }

    private static func fixed(_ value: Double?) -> String { value.flatMap { NumberText.fixed($0, places: 2) } ?? "" }

    static let watchAlarms = Program.Command(
        "watch alarms", "the alarms about sensors, newest first", usage: "[--active] [--limit NUMBER] [--format FORMAT]",
        options: [
            .config, .store, OutputFormat.option, Arguments.Option("active", "only alarms that have not ended"),
            Arguments.Option("limit", value: "NUMBER", "at most this many alarms (default 50)"),
        ]
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let limit = try arguments.integer("limit", in: 1...1_000_000) ?? 50
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        var table = Table([
            .number("alarm"), .time("raised_at", heading: "raised"), .text("device"), .text("sensor"), .text("finding"), .text("state"),
            .text("text"),
        ])
        for alarm in try await archive.sensorAlarms(activeOnly: arguments.hasFlag("active"), limit: limit) {
            let state = alarm.endedAt == nil ? "active" : "\(alarm.isFault ? "repaired" : "no fault") (\(alarm.endedBy): \(alarm.reason))"
            table.addRow([
                String(alarm.id), RFC3339.format(ms: alarm.raisedAt.ms), alarm.device.name, alarm.sensor.name, alarm.finding.rawValue, state,
                alarm.text,
            ])
        }
        table.write(format)
    }

    static let watchRepaired = end("repaired", "end an alarm: the sensor was repaired, replaced or calibrated", isFault: true)
    static let watchDismiss = end("dismiss", "end an alarm: the sensor is right, and its observations may be used", isFault: false)

    private static func end(_ verb: String, _ summary: String, isFault: Bool) -> Program.Command {
        Program.Command(
            "watch \(verb)", summary, usage: "ALARM --reason TEXT", options: [.config, .store, Operator.reasonOption], positional: 1...1
        ) { arguments in
            guard let reason = arguments.value("reason"), !reason.isEmpty else {
                throw UsageError("--reason is missing: give the reason for ending the alarm")
            }
            guard let id = Int64(arguments.positional[0]) else { throw UsageError("«\(arguments.positional[0])» is not the number of an alarm") }
            let archive = try await CloudSettings.read(arguments).archive(.existing)
            try await archive.endSensorAlarm(id, isFault: isFault, by: Operator.attribution(arguments, default: reason), now: WallClock.now)
            StandardOutput.write(
                isFault
                    ? "alarm \(id) has ended: only observations from later days are used to judge the sensor\n"
                    : "alarm \(id) has ended: the observations may be used, and are the new reference of the sensor\n")
        }
    }

    static let watchMaintenance = Program.Command(
        "watch maintenance", "do not judge the sensors of a device from today to the end of the maintenance",
        usage: "DEVICE --hours NUMBER [--reason TEXT]",
        options: [.config, .store, Operator.reasonOption, Arguments.Option("hours", value: "NUMBER", "for how long, from now on")], positional: 1...1
    ) { arguments in
        guard let hours = try arguments.integer("hours", in: 1...8_784) else {
            throw UsageError("--hours is missing: give the number of hours without alarms")
        }
        let archive = try await CloudSettings.read(arguments).archive(.existing)
        let device = try await archive.existingDevice(arguments.positional[0])
        let until = WallClock.now + .seconds(3_600 * Int64(hours))
        try await archive.addMaintenance(
            of: device, from: WallClock.now, until: until, by: Operator.attribution(arguments, default: "maintenance"), now: WallClock.now)
        StandardOutput.write("the days of \(device.name) up to \(RFC3339.format(ms: until.ms)) are not judged\n")
    }
}
