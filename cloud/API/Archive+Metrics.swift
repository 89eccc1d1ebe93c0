internal import APIDocuments
internal import Archive
internal import Measures
internal import Runtime
internal import Text
internal import Watch
internal import Wire

/// The document at `/metrics`. Names and base units follow Prometheus's conventions. A measured value is present only while the value is current.
extension Archive {
    /// The most sensors for which per-sensor series are exported. A larger fleet is too large for one scrape: only its counts are exported.
    private static let sensorsInMetrics = 1_000

    /// - Parameter free: free bytes on the archive's disk; `nil` if unknown.
    func metrics(free: Int64?, version: String) throws -> String {
        let now = WallClock.now
        let (totals, counts) = (try totals(), try stateCounts())
        var metrics = MetricsText()
        metrics.info("vaho_build_info", "The program's version.", [("version", version)])
        metrics.gauge("vaho_devices", "Devices that are not revoked.", Double(counts.devices.filter { $0.key != .revoked }.values.reduce(0, +)))
        for state in DeviceState.allCases {
            metrics.gauge("vaho_devices_in_state", "Devices by state.", Double(counts.devices[state] ?? 0), [("state", state.name)])
        }
        for state in SensorState.allCases {
            metrics.gauge("vaho_sensors_in_state", "Sensors by state.", Double(counts.sensors[state] ?? 0), [("state", state.name)])
        }
        metrics.counter("vaho_batches_total", "Batches stored so far, including deleted batches.", Double(totals.batches))
        metrics.counter("vaho_readings_total", "Readings stored so far, including deleted readings.", Double(totals.readings))
        metrics.gauge("vaho_devices_silent", "Devices with an active silence alarm.", Double(try silentDeviceCount()))
        metrics.gauge("vaho_underived_batches", "Batches whose observations are not derived yet.", Double(try underivedBatchCount()))
        metrics.gauge("vaho_log_bytes", "Size of the log of batches.", Double(totals.logBytes))
        let cutoff = try retentionCutoff()
        if cutoff.ms > 0 {
            metrics.gauge(
                "vaho_retention_cutoff_timestamp_seconds", "Batches that arrived before this time may be deleted.", Double(cutoff.ms) / 1_000
            )
        }
        metrics.gauge("vaho_devices_of_two_hosts", "Devices whose name is used by two hosts.", Double(try devicesWithDuplicateHost().count))
        metrics.gauge("vaho_devices_over_quota", "Devices that have reached today's storage limit.", Double(try overQuotaDeviceCount(now: now)))
        let alarms = try activeSensorAlarms()
        for finding in SensorHealth.Finding.allCases {
            metrics.gauge(
                "vaho_sensor_alarms", "Active alarms about sensors, by finding.", Double(alarms[finding] ?? 0), [("finding", finding.rawValue)])
        }
        for judgement in try modelJudgements() {
            let lead = [("lead_time_seconds", String(judgement.lead.wholeSeconds))]
            if let skill = judgement.health.skill {
                metrics.gauge("vaho_model_skill_ratio", "1 - error of the champion / error of climatology, over the last 28 days.", skill, lead)
            }
            if let coverage = judgement.health.coverage {
                metrics.gauge("vaho_model_coverage_ratio", "Share of targets within the 80 % interval, over the last 28 days.", coverage, lead)
            }
        }
        metrics.gauge("vaho_release_stop", "1 during an emergency stop: no device gets a release.", try releaseStop() == nil ? 0 : 1)
        if let free { metrics.gauge("vaho_store_free_bytes", "Free bytes on the disk of the archive.", Double(free)) }
        if let release = try release(of: .champion) {
            metrics.gauge("vaho_release", "Counter of the release that is served.", Double(release.counter))
        }
        let sensors = counts.sensors.values.reduce(0, +)
        metrics.gauge(
            "vaho_sensors_left_out", "Sensors without per-sensor series: all sensors in a fleet of more than 1000 sensors, else 0.",
            sensors > Archive.sensorsInMetrics ? Double(sensors) : 0)
        if sensors <= Archive.sensorsInMetrics { try addSensors(&metrics, now) }
        return metrics.text
    }

    private func addSensors(_ metrics: inout MetricsText, _ now: Instant) throws {
        var page: (devices: [DeviceView], next: FleetCursor?) = ([], nil)
        repeat {
            page = try fleet(.name, after: page.next, limit: 200, now: now)
            for view in page.devices where view.device.revokedAt == nil {
                let device = view.document
                for alert in device.alerts {
                    metrics.gauge(
                        "vaho_alarm", "1 for each active alarm.", 1,
                        [("device", device.id.name), ("sensor", alert.sensor.name), ("rule", alert.rule)])
                }
                let isHeard = [.ok, .duplicate, .clockUnset].contains(device.condition.state)
                for (sensor, its) in zip(device.sensors, device.sensors.map { sensor in view.sensors.first { $0.sensor.name == sensor.name } }) {
                    add(sensor, of: device.id, isUp: isHeard && sensor.condition.state.isPresent, lastAt: its?.sensor.lastAt, &metrics)
                }
            }
        } while page.next != nil
    }

    private func add(_ sensor: DeviceDocument.Sensor, of device: DeviceID, isUp: Bool, lastAt: Instant?, _ metrics: inout MetricsText) {
        let labels = [("device", device.name), ("sensor", sensor.name.name)]
        metrics.gauge("vaho_sensor_up", "Whether the sensor gives usable readings now.", isUp ? 1 : 0, labels)
        if let lastAt {
            metrics.gauge("vaho_sensor_last_reading_timestamp_seconds", "When the newest reading was taken.", Double(lastAt.ms) / 1_000, labels)
        }
        guard isUp, let present = sensor.present else { return }
        metrics.gauge(
            "vaho_relative_humidity_ratio", "Relative humidity, 0 to 1; exported only while the value is current.", present.humidity.percent / 100,
            labels)
        guard let temperature = present.temperature else { return }
        metrics.gauge("vaho_temperature_celsius", "Temperature; exported only while the value is current.", temperature.celsius, labels)
    }
}
