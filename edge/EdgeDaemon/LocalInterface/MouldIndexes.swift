package import EdgeStore
package import Measures
internal import Observing
package import Psychrometrics

/// The mould index at each sensor, or at the surface beside the sensor: sums over months of observations, updated with each new observation.
package actor MouldIndexes {
    private static let pageSize = 1_000

    private struct Sums {
        var tracking = MouldTracking()
        var revision = 0  // the revision of the stored observations
    }

    private let store: ReadingStore
    private var sums: [SensorName: Sums] = [:]

    package init(store: ReadingStore) { self.store = store }

    /// - Parameter now: determines how far back the first call reads.
    /// - Returns: `nil` without observations that have a temperature.
    package func index(of sensor: SensorName, beside surface: EdgeSettings.Surface?, at now: Instant) async throws -> MouldIndex? {
        let before = sums[sensor] ?? Sums()
        let after = try await store.read { tables in
            var sums = before.revision == tables.derivedRevision ? before : Sums(revision: tables.derivedRevision)
            guard let id = tables.sensors.ids[sensor] else { return sums }
            var since = sums.tracking.through ?? now - MouldTracking.memory
            while true {
                let observations = try tables.observations.after(since, of: id, limit: Self.pageSize)
                guard let last = observations.last else { return sums }
                try Self.add(observations, beside: surface, to: &sums.tracking, tables)
                since = last.validAt
            }
        }
        sums[sensor] = after
        return after.tracking.index
    }

    private static func add(
        _ observations: [Observation], beside surface: EdgeSettings.Surface?, to tracking: inout MouldTracking, _ tables: StoreTables
    ) throws {
        switch surface {
        case nil: for observation in observations { tracking.add(observation) }
        case .at(let temperature): for observation in observations { tracking.add(observation, surface: temperature) }
        case .measured(let other):
            var walls: [Instant: Temperature] = [:]
            var newest = Instant(ms: 0)
            if let id = tables.sensors.ids[other], let first = observations.first {
                // The surface sensor may have six times as many observations.
                for wall in try tables.observations.after(first.validAt - .milliseconds(1), of: id, limit: 8 * observations.count) {
                    walls[wall.validAt] = wall.temperature
                }
                newest = try tables.observations.newest(of: id)?.at ?? newest
            }
            for observation in observations {
                // The surface sensor's observation of this time may still follow, unless the surface sensor is silent.
                let ahead = observation.validAt - newest
                if ahead <= .zero || ahead > .seconds(3_600) { tracking.add(observation, surface: walls[observation.validAt]) }
            }
        }
    }
}
