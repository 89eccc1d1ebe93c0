internal import Archive
internal import Console
internal import Measures
internal import Runtime
internal import Text

/// The parts of a rollout as tables.
struct RolloutView {
    let rollout: Archive.Rollout
    let archive: Archive
    private static let shownDevices = 100

    func write(_ format: OutputFormat) async throws {
        let events = try await archive.rolloutEvents(of: rollout.id)
        let rejections = try await archive.rejections(of: rollout.release, limit: RolloutView.shownDevices)
        let devices = try await archive.rolloutDevices(of: rollout, since: WallClock.now - .seconds(86_400))
        let refusals = try await archive.refusals(of: devices.notReporting)
        guard format == .table else {
            // One table with all parts, so that a program reads one array.
            var table = Table([.text("part"), .text("name"), .text("value"), .text("detail")])
            for (name, value) in fields(devices) { table.addRow(["rollout", name, value, ""]) }
            for event in events { table.addRow(["event", RFC3339.format(ms: event.at.ms), event.event, "\(event.author): \(event.reason)"]) }
            for rejection in rejections { table.addRow(["rejected", rejection.device.name, rejection.reason, rejection.detail]) }
            for refusal in refusals { table.addRow(["refused", refusal.device, "", refusal.reason]) }
            return table.write(format)
        }
        var table = Table([.text("field"), .text("value")])
        for (name, value) in fields(devices) { table.addRow([name, value]) }
        table.write(.table)
        StandardOutput.write("\n")
        var log = Table([.time("at"), .text("author"), .text("event"), .text("reason")])
        for event in events { log.addRow([RFC3339.format(ms: event.at.ms), event.author, event.event, event.reason]) }
        log.write(.table)
        guard !rejections.isEmpty || !refusals.isEmpty else { return }
        StandardOutput.write("\n")
        var failing = Table([.text("device"), .text("state"), .text("reason")])
        for rejection in rejections { failing.addRow([rejection.device.name, "rejected the release", "\(rejection.reason): \(rejection.detail)"]) }
        for refusal in refusals { failing.addRow([refusal.device, "refused the release", refusal.reason]) }
        failing.write(.table)
    }

    private func fields(_ devices: Archive.RolloutDevices) -> [(String, String)] {
        [
            ("rollout", String(rollout.id)), ("release", String(rollout.release)), ("state", rollout.state.rawValue), ("detail", rollout.detail),
            ("devices", rollout.tags.isEmpty ? "all that are not pinned" : "with the tags \(rollout.selection)"), ("steps", rollout.steps.text),
            ("step", rollout.share.isEmpty ? "none reached yet" : rollout.share),
            ("can reach", "\(devices.places.count)"),
            ("reached", "\(devices.reached.count) with contact within a day, of which \(devices.reporting) report the release"),
            ("previous release", rollout.control.map { String($0) } ?? "the shipped release"), ("cause", rollout.cause),
            ("author", rollout.author), ("run", rollout.run.map { String($0) } ?? ""), ("started", RFC3339.format(ms: rollout.createdAt.ms)),
            ("ended", rollout.endedAt.map { RFC3339.format(ms: $0.ms) } ?? ""),
        ]
    }
}
