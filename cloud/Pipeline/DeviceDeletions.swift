package import Archive
package import Runtime

/// Deletes the data of deleted devices in small steps.
package struct DeviceDeletions: Service {
    private let archive: Archive
    private let clock: ServiceClock
    private let log: Log
    private static let period: Duration = .seconds(10)

    package init(archive: Archive, clock: ServiceClock = .host, log: Log) { (self.archive, self.clock, self.log) = (archive, clock, log) }

    package func run() async throws {
        try await clock.repeating(
            every: DeviceDeletions.period, first: .zero, retry: RetryPause(first: .seconds(2), longest: .seconds(300)),
            failure: "data of a deleted device not deleted, retrying", log: log
        ) {
            for device in try await archive.deletedDevices() {
                let rows = try await DeviceDeletions.deleteAll(of: device, archive)
                if rows > 0 { log(.info, "data of a deleted device deleted", ["device": device, "rows": rows]) }
                _ = try await archive.endDeletion(of: device, now: clock.wallClock)
            }
        }
    }

    /// Deletes all rows of a device. Pauses after each step for as long as the step took, so that the ingest can use the database.
    /// - Returns: the number of deleted rows.
    package static func deleteAll(of device: Int64, _ archive: Archive, progress: (Int) -> Void = { _ in }) async throws -> Int {
        var rows = 0
        while true {
            let started = ContinuousClock.now
            let deleted = try await archive.deleteRows(of: device)
            guard deleted > 0 else { return rows }
            rows += deleted
            progress(rows)
            try await Task.sleep(for: .now - started)
        }
    }
}
