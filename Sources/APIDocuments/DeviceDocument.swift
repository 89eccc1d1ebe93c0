internal import Forecasting
package import Measures
package import Psychrometrics
package import Text
package import Wire

/// A device and its sensors as status pages and APIs of both programs show them.
package struct DeviceDocument: Sendable {
    package var id: DeviceID
    package var condition: DeviceCondition
    package var lastSeenAt: Instant?
    package var isRevoked = false
    package var place = ""  // of the host, in the cloud's list; empty if unknown
    package var tags: [String]?  // known in the cloud only
    package var backlog: Int64
    package var clock: ClockQuality
    package var release: ReleaseReference?
    package var releaseExpiresAt: Instant?  // known on the device only; an expired release goes on forecasting
    package var releaseRefusal: String?  // why the device refused the last offered release
    package var sensors: [Sensor]  // worst first, then by name
    package var scores: [LiveScore]
    package var alerts: [ThresholdAlert] = []  // the active alerts
    package var thresholds: [HumidityThreshold] = []
    package var hasDuplicateHost = false  // two hosts send as this device
    package var unreadableRows: [String] = []  // archive rows that cannot be read

    package init(
        id: DeviceID, condition: DeviceCondition, lastSeenAt: Instant?, backlog: Int64, clock: ClockQuality, release: ReleaseReference?,
        releaseRefusal: String? = nil, sensors: [Sensor], scores: [LiveScore]
    ) {
        self.id = id
        self.condition = condition
        self.lastSeenAt = lastSeenAt
        self.backlog = backlog
        self.clock = clock
        self.release = release
        self.releaseRefusal = releaseRefusal
        self.sensors = sensors.sorted { ($1.condition.state, $0.name.name) < ($0.condition.state, $1.name.name) }
        self.scores = scores
    }

    package struct Sensor: Sendable {
        package var name: SensorName
        package var kind: String
        package var place: String
        package var step: Duration
        package var condition: SensorCondition
        package var last: Observation?  // the last good value; `condition` says whether `last` is the present value
        package var rejected: Rejected?  // the newest reading, if its value is impossible for air
        package var pressurePa: Int32?
        package var flags: ReadingFlags = []  // the flags of `last`
        package var mould: MouldIndex?
        package var surface: Temperature?  // of a wall or window pane beside the air
        package var hasForecast = false
        package var scores: [LiveScore] = []  // of this sensor's forecasts

        /// An impossible reading: it is shown as rejected and never used.
        package struct Rejected: Sendable {
            package var at: Instant
            package var humidityMpct: Int32?

            package init(at: Instant, humidityMpct: Int32?) {
                self.at = at
                self.humidityMpct = humidityMpct
            }
        }

        package init(name: SensorName, kind: String, place: String, step: Duration, condition: SensorCondition, last: Observation?) {
            self.name = name
            self.kind = kind
            self.place = place
            self.step = step
            self.condition = condition
            self.last = last
        }

        /// The last good value if it is the present value, else `nil`. Derived values use only the present value.
        package var present: Observation? { condition.state.isPresent ? last : nil }

        /// The humidity of the present air after cooling to the surface's temperature: above 100 % water condenses on the surface.
        package var humidityAtSurface: RelativeHumidity? {
            guard let surface, let present, let air = present.temperature else { return nil }
            return MoistAir.humidity(at: surface, of: air, at: present.humidity)
        }
    }

    /// The rank in lists that show the worst first: the worst rank of the device's state and its sensors' states. See `Severity`.
    package var severityRank: Int {
        if isRevoked { return Severity.noProblemRank }
        return sensors.reduce(Severity.rank(condition.state)) { min($0, Severity.rank($1.condition.state)) }
    }

    /// - Parameter now: by the device's own clock; a replay's clock differs from the host's.
    package func write(now: Instant, to json: inout JSONWriter) {
        func time(_ instant: Instant?) -> String? { instant.map { RFC3339.format(ms: $0.ms) } }
        json.field("id", id.name)
        json.field("state", condition.state.name)
        json.field("state_since", time(condition.since))
        json.field("state_detail", condition.detail)
        json.field("now", RFC3339.format(ms: now.ms))
        json.field("last_seen_at", time(lastSeenAt))
        json.field("revoked", isRevoked)
        json.field("two_hosts", hasDuplicateHost)
        json.field("place", place.isEmpty ? nil : place)
        if let tags { json.array("tags") { json in for tag in tags { json.string(tag) } } }
        if !unreadableRows.isEmpty { json.array("faults") { json in for fault in unreadableRows { json.string(fault) } } }
        json.field("backlog", backlog)
        json.field("clock", clock.name)
        json.field("release", release)
        if let releaseExpiresAt {
            json.field("release_expires_at", time(releaseExpiresAt))
            json.field("release_expired", releaseExpiresAt < now)
        }
        json.field("release_refused", releaseRefusal)
        json.array("sensors") { json in for sensor in sensors { json.object { json in sensor.write(now: now, to: &json) } } }
        json.array("alerts") { json in for alert in alerts { json.object { json in alert.write(to: &json) } } }
        json.array("thresholds") { json in
            for threshold in thresholds {
                json.object { json in
                    threshold.writeCondition(to: &json)
                    json.field("humidity_pct", threshold.percent, places: 3)
                }
            }
        }
        json.array("scores") { json in for score in scores { json.object { json in Documents.score(score, to: &json) } } }
    }
}

extension DeviceDocument.Sensor {
    fileprivate func write(now: Instant, to json: inout JSONWriter) {
        json.field("name", name.name)
        json.field("kind", kind)
        json.field("place", place.isEmpty ? nil : place)
        json.field("step_s", step.wholeSeconds)
        json.field("state", condition.state.name)
        json.field("state_since", condition.since.map { RFC3339.format(ms: $0.ms) })
        json.field("state_detail", condition.detail)
        json.field("has_forecast", hasForecast)
        json.array("scores") { json in for score in scores { json.object { json in Documents.score(score, to: &json) } } }
        if let rejected {
            json.object("rejected") { json in
                json.field("time", RFC3339.format(ms: rejected.at.ms))
                json.field("humidity_pct", rejected.humidityMpct.map { Double($0) / 1_000 }, places: 3)
            }
        } else {
            json.null("rejected")
        }
        guard let last else { return json.null("last") }
        json.object("last") { json in
            json.field("time", RFC3339.format(ms: last.validAt.ms))
            json.field("age_s", max(0, (now - last.validAt).wholeSeconds))
            json.field("present", present != nil)
            json.field("humidity_pct", last.humidity.percent, places: 3)
            json.field("temperature_c", last.temperature?.celsius, places: 3)
            json.array("flags") { json in for name in flags.names { json.string(name) } }
            writeDerived(to: &json)
        }
    }

    /// Writes the values derived from humidity and temperature; `null` without a temperature, or if `last` is not the present value.
    private func writeDerived(to json: inout JSONWriter) {
        let water = present.flatMap { air in air.temperature.flatMap { WaterInAir($0, air.humidity) } }
        json.field("dew_point_c", water?.dewPoint.celsius, places: 2)
        json.field("vapour_pressure_pa", water?.vapourPressure, places: 0)
        json.field("absolute_humidity_g_m3", water?.absoluteHumidity, places: 2)
        json.field("pressure_hpa", present == nil ? nil : pressurePa.map { Double($0) / 100 }, places: 2)
        guard let present, let room = present.temperature else { return }
        if let surface, let humidity = humidityAtSurface, let condensation = MoistAir.condensationPoint(of: room, at: present.humidity) {
            json.object("surface") { json in
                json.field("temperature_c", surface.celsius, places: 2)
                json.field("humidity_pct", humidity.percent, places: 1)
                json.field("above_dew_point_k", surface.celsius - condensation.celsius, places: 2)
            }
        }
        if let mould {
            let (air, humidity) = surface.map { MoistAir.air(at: $0, of: room, at: present.humidity) } ?? (room, present.humidity)
            json.object("mould") { json in
                json.field("index", mould.value, places: 2)
                json.field("critical_humidity_pct", MouldIndex.criticalHumidity(at: air)?.percent, places: 1)
                json.field("growing", MouldIndex.grows(in: air, at: humidity))
            }
        }
    }
}
