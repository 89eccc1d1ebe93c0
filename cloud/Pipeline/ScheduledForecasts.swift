package import Archive
internal import Forecasting
internal import Measures
internal import Observing
package import Runtime
internal import Wire

/// Stores forecasts of all sensors at the times of a schedule, and deletes old ones.
///
/// An interrupted pass starts again with the first sensor. A sensor whose newest closed bin has a stored forecast is skipped.
package struct ScheduledForecasts: Service {
    private static let name = "forecasts"
    private static let rowsPerStep = 2_000  // a step takes milliseconds, and the ingest waits for it

    private let archive: Archive
    private let forecasts: FleetForecasts
    private let schedule: CalendarSchedule?
    private let retention: Duration
    private let clock: ServiceClock
    private let log: Log

    /// - Parameters:
    ///   - schedule: `nil`: no forecasts are stored.
    ///   - retention: how long stored forecasts are kept after their origin.
    package init(
        archive: Archive, forecasts: FleetForecasts, schedule: CalendarSchedule?, retention: Duration, clock: ServiceClock = .host, log: Log
    ) {
        (self.archive, self.forecasts, self.schedule, self.retention) = (archive, forecasts, schedule, retention)
        (self.clock, self.log) = (clock, log)
    }

    package func run() async throws {
        try await clock.repeating(
            every: .seconds(30), retry: RetryPause(first: .seconds(10), longest: .seconds(600)), failure: "forecasts not stored, retrying", log: log
        ) {
            let now = clock.wallClock
            while try await archive.deleteForecasts(before: now - retention, limit: ScheduledForecasts.rowsPerStep) == ScheduledForecasts.rowsPerStep
            {
                try await clock.sleep(for: .milliseconds(20))
            }
            guard let next = schedule?.next(after: now) else { return try await archive.removeSchedule(ScheduledForecasts.name) }
            guard try await archive.checkDue(ScheduledForecasts.name, at: now, next: next) else { return }
            let started = clock.now
            let count = try await storeAll(now)
            try await archive.setDue(ScheduledForecasts.name, at: next)
            log(.info, "forecasts stored", ["sensors": count, "seconds": (clock.now - started).components.seconds])
        }
    }

    /// - Returns: the number of sensors with a new forecast.
    private func storeAll(_ now: Instant) async throws -> Int {
        var (count, failures) = (0, 0)
        for sensor in try await archive.sensors() {
            try Task.checkCancellation()
            // A sensor that has stopped has no forecast that is worth keeping.
            guard let lastAt = sensor.lastAt, now - lastAt <= sensor.grid.step * SensorState.stalePeriods else { continue }
            let closed = sensor.grid.binEnd(of: lastAt + .milliseconds(1)) - sensor.grid.step
            do {
                guard try await !archive.hasForecast(of: sensor, from: closed), let made = try await forecasts.forecast(sensor) else { continue }
                try await archive.store(made.forecast.storedLeads, of: sensor, from: made.forecast.origin, release: made.release?.counter)
                count += 1
            } catch let fault as ArchiveFault {
                // A damaged row of one sensor does not stop the forecasts of the others.
                failures += 1
                if failures == 1 { log(.error, "sensor not forecast", ["device": sensor.device, "sensor": sensor.name, "error": "\(fault)"]) }
            }
        }
        if failures > 1 { log(.error, "sensors not forecast", ["count": failures]) }
        return count
    }
}

extension QuantileForecast {
    /// The lead times that are kept: 1 h to 120 h.
    fileprivate var storedLeads: [Archive.StoredLead] {
        ForecastShape.scored.compactMap { leadTime in
            guard let lead = leadTimes.firstIndex(of: leadTime) else { return nil }
            return Archive.StoredLead(
                lead: leadTime, quantilesMpct: ForecastShape.levels.indices.map { Int32((humidity(lead: lead, level: $0) * 1_000).rounded()) })
        }
    }
}
