internal import APIDocuments
internal import EdgeStore
internal import Forecasting
internal import Measures
internal import Observing
internal import Psychrometrics
internal import Text
internal import Wire

/// The body of `/metrics`; names and base units follow Prometheus's conventions. A value is present only while it is current.
struct EdgeMetrics {
    private var metrics = MetricsText()

    var text: String { metrics.text }

    init(version: String) { metrics.info("vaho_build_info", "The program's version.", [("version", version)]) }

    mutating func add(_ sensor: DeviceDocument.Sensor, newestAt: Instant?) {
        let labels = [("sensor", sensor.name.name)]
        let state = sensor.condition.state
        metrics.gauge("vaho_sensor_up", "Whether the sensor gives usable readings now.", state.isPresent ? 1 : 0, labels)
        for one in SensorState.allCases {
            metrics.gauge("vaho_sensor_state", "1 for the state that the sensor is in.", one == state ? 1 : 0, labels + [("state", one.name)])
        }
        if let newestAt {
            metrics.gauge("vaho_sensor_last_reading_timestamp_seconds", "When the newest reading was taken.", Double(newestAt.ms) / 1_000, labels)
        }
        guard let present = sensor.present else { return }
        metrics.gauge(
            "vaho_relative_humidity_ratio", "Relative humidity, 0 to 1; exported only while the value is current.", present.humidity.percent / 100,
            labels)
        guard let temperature = present.temperature else { return }
        metrics.gauge("vaho_temperature_celsius", "Temperature; exported only while the value is current.", temperature.celsius, labels)
        if let water = WaterInAir(temperature, present.humidity) {
            metrics.gauge("vaho_dew_point_celsius", "Dew point; exported only while the value is current.", water.dewPoint.celsius, labels)
        }
    }

    /// - Parameter now: a forecast whose origin is more than three steps before `now` is left out.
    mutating func add(_ forecast: QuantileForecast, of sensor: SensorName, step: Duration, now: Instant) {
        guard forecast.isFresh(at: now, step: step), let lead = forecast.leadTimes.firstIndex(of: .seconds(86_400)) else { return }
        metrics.gauge(
            "vaho_forecast_relative_humidity_ratio", "Median forecast of the relative humidity, 0 to 1.", forecast.median(lead: lead) / 100,
            [("sensor", sensor.name), ("lead_time", "24h")])
        metrics.gauge(
            "vaho_forecast_origin_timestamp_seconds", "Origin of the newest forecast: the time of its last observation.",
            Double(forecast.origin.ms) / 1_000, [("sensor", sensor.name)])
    }

    mutating func add(_ device: DeviceDocument, _ counts: StoreCounts) {
        for state in DeviceState.allCases where ![.silent, .revoked].contains(state) {
            metrics.gauge(
                "vaho_device_state", "1 for the state that the device is in.", state == device.condition.state ? 1 : 0, [("state", state.name)])
        }
        metrics.gauge("vaho_clock_synchronised", "Whether the clock that dates readings is synchronised.", device.clock == .synchronised ? 1 : 0)
        metrics.gauge("vaho_alarms", "Alarms that are on.", Double(device.alerts.count))
        for alert in device.alerts {
            metrics.gauge("vaho_alarm", "1 for each active alarm.", 1, [("sensor", alert.sensor.name), ("rule", alert.rule)])
        }
        metrics.gauge("vaho_store_readings", "Readings in the store.", Double(counts.readings))
        metrics.gauge("vaho_store_bytes", "Size of the store.", Double(counts.bytes))
        metrics.gauge("vaho_store_only_in_memory", "Whether readings are kept in memory only.", counts.memoryOnly == nil ? 0 : 1)
        metrics.gauge("vaho_backlog_rows", "Rows not yet acknowledged by the cloud.", Double(counts.backlog))
        metrics.counter("vaho_evicted_readings_total", "Readings dropped before they were delivered.", Double(counts.evicted))
        metrics.counter("vaho_refused_rows_total", "Rows that the cloud refused.", Double(counts.refused))
        if let name = device.release { metrics.gauge("vaho_release", "Number of the release in use.", Double(name.counter)) }
        if let expiresAt = device.releaseExpiresAt {
            metrics.gauge(
                "vaho_release_expires_timestamp_seconds", "When the release in use expires; an expired release goes on forecasting.",
                Double(expiresAt.ms / 1_000))
        }
    }

    mutating func add(_ uplink: UplinkStatus) {
        if let state = uplink.current {
            metrics.gauge("vaho_uplink_up", "Whether the last exchange with the cloud delivered.", state.isDelivering ? 1 : 0)
        }
        for kind in UplinkState.Kind.allCases where ![.delivering, .duplicate].contains(kind) {
            metrics.counter(
                "vaho_uplink_errors_total", "Failed exchanges with the cloud since the program started, by kind.", Double(uplink.errors[kind] ?? 0),
                [("kind", kind.rawValue)])
        }
    }
}
