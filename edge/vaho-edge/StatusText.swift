internal import APIDocuments
internal import Console
internal import EdgeDaemon
internal import EdgeStore
internal import Measures
internal import Runtime
internal import Text
internal import Wire

/// The lines of `vaho-edge status` below its table: a label and a text, wrapped to the width of the terminal.
struct StatusText {
    let width: Int

    func line(_ label: String, _ text: String) {
        StandardOutput.write(Paragraph.text(PrintableText.line(text, limit: 1_000), label: label, indent: 9, width: width))
    }

    /// Prints why a sensor is not ok, and its last good value if that value is not current.
    func sensor(_ sensor: DeviceDocument.Sensor, now: Instant) {
        guard sensor.condition.state != .ok else { return }
        var text = "\(sensor.name) \(sensor.condition.state.name)"
        if let since = sensor.condition.since { text += " since \(RFC3339.format(ms: since.ms))" }
        if let detail = sensor.condition.detail { text += ": \(detail)" }
        line("sensor", text)
        if let rejected = sensor.rejected {
            let value = rejected.humidityMpct.map { NumberText.thousandths(Int64($0)) + " %" } ?? "no humidity"
            line("", "\(value) at \(RFC3339.format(ms: rejected.at.ms)), not used")
        }
        guard sensor.present == nil else { return }
        guard let last = sensor.last else { return line("", "no good value yet") }
        let age = DurationText.short(now - last.validAt)
        line("", "last good value \(fixed(last.humidity.percent, 1)) %, \(age) ago")
    }

    func alert(_ alert: ThresholdAlert) {
        let value = NumberText.thousandths(alert.valueMilli)
        line("alarm", "\(alert.sensor) \(alert.rule): \(alert.text), since \(RFC3339.format(ms: alert.since.ms)) (\(value))")
    }

    func delivery(_ view: DeviceDocument, _ counts: StoreCounts, writtenPerDay: Int64?, _ uplink: UplinkState?, isLocal: Bool) {
        let lost = counts.evicted + counts.refused > 0 ? ", \(counts.evicted) evicted, \(counts.refused) refused" : ""
        line("store", "\(counts.readings) readings, \(NumberText.bytes(counts.bytes)); \(counts.backlog) rows not yet delivered\(lost)")
        if let epoch = counts.epoch {
            let ordinal = counts.epochs > 1 ? ", epoch \(counts.epochs) of this store" : ""
            line("epoch", "\(epoch.name) since \(RFC3339.format(ms: epoch.since.ms)): \(epoch.reason)\(ordinal)")
        }
        if view.condition.state == .clockUnset { line("device", "clock unset: \(view.condition.detail ?? "")") }
        if let uplink {
            line("cloud", "\(uplink.text) (since \(RFC3339.format(ms: uplink.since.ms)))")
        } else {
            line("cloud", isLocal ? "none in this configuration (VAHO_CLOUD_URL): this device stays local" : "no exchange yet")
        }
        if let written = writtenPerDay { line("written", "\(NumberText.bytes(written)) a day") }
    }

    func hole(_ hole: Hole) {
        let span = "\(RFC3339.format(ms: hole.from.ms)) to \(RFC3339.format(ms: hole.to.ms))"
        line("hole", "\(hole.sensor?.name ?? "device") \(hole.reason.name) \(span), \(hole.count)")
    }
}
