package import Archive
internal import Measures
package import Runtime
internal import Watch

/// Judges the health of the sensors when a day is complete. An alarm quarantines the sensor's observations from the estimated first day of the fault:
/// snapshots leave them out, and no run is started because of them.
package struct SensorWatch: Service {
    /// At most this many sensors of one group are compared with each other: the work grows in proportion to the fleet.
    static let groupLimit = 64

    private let archive: Archive
    private let reader: Archive
    private let clock: ServiceClock
    private let log: Log

    package init(archive: Archive, reader: Archive, clock: ServiceClock = .host, log: Log) {
        (self.archive, self.reader, self.clock, self.log) = (archive, reader, clock, log)
    }

    package func run() async throws {
        try await clock.repeating(
            every: .seconds(10), retry: RetryPause(first: .seconds(2), longest: .seconds(300)), failure: "sensors not judged, retrying", log: log
        ) {
            let started = ContinuousClock.now
            try await judgeNewDays()
            try await clock.rest(after: ContinuousClock.now - started)
        }
    }

    /// Summarises the days that are complete, and judges the sensors that have new days.
    package func judgeNewDays() async throws {
        try await summarise()
        let sensors = try await reader.watchedSensors()
        for group in SensorWatch.groups(of: sensors) { try await judge(group) }
    }

    private func summarise() async throws {
        var device: Int64 = -1
        while true {
            let (found, last) = try await reader.sensorsToSummarise(after: device, limit: 500)
            for sensor in found {
                try await archive.store(try await reader.newDays(of: sensor), of: sensor)
                try Task.checkCancellation()
            }
            guard let last else { return }
            device = last
        }
    }

    /// Sensors that are compared with each other.
    /// - Parameter sensors: sorted by group.
    static func groups(of sensors: [Archive.WatchedSensor]) -> [[Archive.WatchedSensor]] {
        var groups: [[Archive.WatchedSensor]] = []
        for sensor in sensors {
            if let last = groups.last, last.first?.group == sensor.group, last.count < groupLimit {
                groups[groups.count - 1].append(sensor)
            } else {
                groups.append([sensor])
            }
        }
        return groups
    }

    /// The last day on which a sensor can be judged: the newest one that it and its group have. Sensors that are more than two days behind the newest one
    /// hold the others up no longer.
    static func lastDay(of sensor: Archive.WatchedSensor, in group: [Archive.WatchedSensor]) -> Int64 {
        let newest = group.map(\.newestDay).max() ?? 0
        let common = group.map(\.newestDay).filter { $0 >= newest - 2 }.min() ?? newest
        return min(sensor.newestDay, common)
    }

    private func judge(_ group: [Archive.WatchedSensor]) async throws {
        let lastDays = group.map { SensorWatch.lastDay(of: $0, in: group) }
        var open = group.indices.filter { !group[$0].isAlarmed && group[$0].judgedOn ?? .min < lastDays[$0] }
        guard !open.isEmpty else { return }
        var days: [[SensorDay]] = []
        for sensor in group { days.append(try await reader.sensorDays(sensor.device, sensor.sensor)) }
        var faulty = Set(group.indices.filter { group[$0].isAlarmed })
        var found: [Int: SensorHealth] = [:]
        while !open.isEmpty {
            for index in open {
                let own = days[index].filter { $0.day <= lastDays[index] }
                let peers = group.indices.filter { $0 != index && !faulty.contains($0) }.map { days[$0] }
                found[index] = await SensorWatch.judgement(own, peers, group[index])
                try Task.checkCancellation()
            }
            // A drifting sensor makes its peers look as if they drifted the other way: the largest drift is the fault, and the other sensors with a drift are
            // judged again without it.
            let drifting = open.filter { found[$0]?.alarm?.finding == .drift }
            guard let worst = drifting.max(by: { found[$0]?.driftSize ?? 0 < found[$1]?.driftSize ?? 0 }) else { break }
            faulty.insert(worst)
            open = drifting.filter { $0 != worst }
        }
        for (index, health) in found.sorted(by: { $0.key < $1.key }) {
            try await archive.store(health, of: group[index], day: lastDays[index], now: clock.wallClock)
        }
    }

    @concurrent private static func judgement(
        _ own: [SensorDay], _ peers: [[SensorDay]], _ sensor: Archive.WatchedSensor
    ) async -> SensorHealth { SensorHealth.judge(own, peers: peers, from: sensor.usedFrom, judged: sensor.judgedOn ?? .min) }
}

extension SensorHealth {
    fileprivate var driftSize: Double { alarm?.size.magnitude ?? 0 }
}
