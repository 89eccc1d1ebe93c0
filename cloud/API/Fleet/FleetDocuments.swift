package import APIDocuments
package import Archive
package import Measures
internal import Observing
internal import Text
internal import Wire

extension Archive.DeviceView {
    /// The document of the device that the API returns and the status page shows.
    package var document: DeviceDocument {
        var shown = DeviceDocument(
            id: device.name, condition: condition, lastSeenAt: device.lastSeenAt, backlog: report?.backlog ?? 0, clock: report?.clock ?? .unknown,
            release: report?.release, releaseRefusal: report?.releaseRefusal,
            sensors: sensors.map { view in
                view.document(scores: report?.sensors.first { $0.sensor == view.sensor.name }?.scores ?? [])
            },
            scores: report?.scores ?? [])
        (shown.place, shown.tags) = (device.place, tags)
        shown.alerts = report?.alerts ?? []
        shown.thresholds = report?.thresholds ?? []
        shown.isRevoked = device.revokedAt != nil
        shown.hasDuplicateHost = hasDuplicateHost
        shown.unreadableRows = faults
        return shown
    }

    /// The device's current time. A replayed recording has its own clock: the time of the newest observation.
    package func currentTime(at wall: Instant) -> Instant {
        let isReplay = sensors.contains { $0.sensor.kind == "replay" }
        return isReplay ? sensors.compactMap { $0.last?.validAt }.max() ?? wall : wall
    }
}

extension Archive.SensorView {
    fileprivate func document(scores: [LiveScore]) -> DeviceDocument.Sensor {
        var shown = DeviceDocument.Sensor(
            name: sensor.name, kind: sensor.kind, place: sensor.place, step: sensor.grid.step, condition: condition, last: last)
        (shown.pressurePa, shown.flags, shown.hasForecast, shown.scores) = (pressurePa, flags, hasObservation, scores)
        shown.rejected = rejected.map { DeviceDocument.Sensor.Rejected(at: $0.at, humidityMpct: $0.humidityMpct) }
        return shown
    }
}

extension JSONWriter {
    /// Writes the field `counts`: how many devices and sensors are in each state.
    mutating func stateCounts(_ counts: Archive.StateCounts) {
        object("counts") { json in
            json.object("devices") { json in
                for state in DeviceState.allCases { json.field(state.name, counts.devices[state] ?? 0) }
            }
            json.object("sensors") { json in
                for state in SensorState.allCases { json.field(state.name, counts.sensors[state] ?? 0) }
            }
        }
    }
}
