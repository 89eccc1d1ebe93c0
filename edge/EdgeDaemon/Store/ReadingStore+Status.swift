package import Measures
internal import Observing
internal import Psychrometrics
internal import SQLite
internal import Wire

/// What the store says of the device: for the status command, the page and the report to the cloud.
extension ReadingStore {
    /// The mould index that the last months' observations with a temperature make; `nil` without any. What was summed before is kept.
    func mouldIndex(sensor: Int64, beside surface: EdgeSettings.Surface?, at now: Instant) throws -> MouldIndex? {
        var tracking = moulds[sensor] ?? MouldTracking()
        let since = tracking.through ?? now - MouldTracking.memory
        switch surface {
        case .at(let temperature): try forEachObservation(of: sensor, since: since) { tracking.add($0, surface: temperature) }
        case .measured(let other):
            var walls: [Instant: Temperature] = [:]
            if let id = sensors[other] { try forEachObservation(of: id, since: since) { walls[$0.validAt] = $0.temperature } }
            let newest = try sensors[other].flatMap { try newestObservation(sensor: $0)?.at } ?? Instant(ms: 0)
            try forEachObservation(of: sensor, since: since) { observation in
                // What the wall was is on its way, unless it has fallen silent.
                let ahead = observation.validAt - newest
                if ahead <= .zero || ahead > .seconds(3_600) { tracking.add(observation, surface: walls[observation.validAt]) }
            }
        case nil: try forEachObservation(of: sensor, since: since) { tracking.add($0) }
        }
        moulds[sensor] = tracking
        return tracking.index
    }

    /// How much the daemon has caused to be written; kept for the status command.
    func noteWritten(_ rate: WrittenBytes.Rate) throws { try setMeta("written", "\(rate.bytes) \(rate.seconds)") }

    /// Bytes written a day, over the time since the daemon started.
    package func writtenPerDay() throws -> Int64? {
        guard let parts = try meta("written")?.split(separator: " ").compactMap({ Int64($0) }), parts.count == 2 else { return nil }
        return WrittenBytes.Rate(bytes: parts[0], seconds: parts[1]).bytesPerDay
    }

    package struct Counts: Sendable {
        package var readings: Int64 = 0
        package var backlog: Int64 = 0
        package var evicted: Int64 = 0
        package var refused: Int64 = 0
        package var bytes: Int64 = 0
        package var writtenPerDay: Int64?
        package var epoch: (name: Epoch, since: Instant, reason: String)?  // the one that rows get now
        package var epochs = 0
        package var uplink: UplinkState?  // how the last exchange with the cloud ended
        package var refuge: String?  // why rows are kept in memory only
    }

    package func counts() throws -> Counts {
        var counts = Counts()
        counts.readings = readingCount
        for life in lives {
            counts.backlog += life.backlog
            counts.evicted += life.evicted
            counts.refused += life.refused
        }
        counts.bytes = (try database.integer("PRAGMA page_count") ?? 0) * (try database.integer("PRAGMA page_size") ?? 0)
        counts.epochs = lives.count
        var newest = try database.prepare("SELECT epoch, began_at_ms, reason FROM life ORDER BY number DESC LIMIT 1")
        if try newest.step() {
            counts.epoch = (Epoch(bits: UInt64(bitPattern: newest.integer(0))), Instant(ms: newest.integer(1)), newest.text(2))
        }
        counts.uplink = try meta("uplink").flatMap(UplinkState.init(stored:))
        counts.writtenPerDay = try writtenPerDay()
        counts.refuge = refuge
        return counts
    }

    /// The newest holes, newest last.
    package func holes(limit: Int) throws -> [Hole] {
        var select = try database.prepare("SELECT key, body, checksum FROM record ORDER BY key DESC LIMIT 1000")
        var holes: [Hole] = []
        while holes.count < limit, try select.step() {
            if case .hole(let hole)? = try? select.record() { holes.append(hole) }
        }
        return holes.reversed()
    }
}
