internal import Measures

/// Rows and outcomes that wait for their commit, numbered in the order they came. While the store takes none they are kept up to a
/// limit; beyond it the oldest readings give way to one hole that counts them.
struct WaitingRows: Sendable {
    private(set) var rows: [ReadingStore.NewRow] = []
    private(set) var outcomes: [ReadingStore.Outcome] = []
    private(set) var first: Int64 = 0  // the number of the first row
    private(set) var readings = 0
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    var isEmpty: Bool { rows.isEmpty && outcomes.isEmpty }

    /// - Returns: the row's number.
    @discardableResult
    mutating func add(_ row: ReadingStore.NewRow) -> Int64 {
        rows.append(row)
        if case .reading = row { readings += 1 }
        return first + Int64(rows.count) - 1
    }

    mutating func add(_ outcome: ReadingStore.Outcome) { outcomes.append(outcome) }

    mutating func dropOutcomes() { outcomes = [] }
    mutating func dropOutcomes(of sensor: SensorName) { outcomes.removeAll { $0.sensor == sensor } }

    /// A sensor's readings among the rows, with their numbers.
    func readings(of sensor: SensorName) -> [(number: Int64, reading: Reading)] {
        rows.enumerated().compactMap { place, row in
            guard case .reading(let taken) = row, taken.sensor == sensor else { return nil }
            return (first + Int64(place), taken.reading)
        }
    }

    /// All that waits, on its way to the store.
    mutating func take() -> WaitingRows {
        let taken = self
        first += Int64(rows.count)
        (rows, outcomes, readings) = ([], [], 0)
        return taken
    }

    /// What could not be stored comes back before what has come since.
    /// - Returns: how many readings had to give way, if any.
    mutating func putBack(_ taken: WaitingRows) -> Int? {
        let shift = taken.rows.count
        outcomes =
            taken.outcomes
            + outcomes.map { outcome in
                guard case .row(let place) = outcome.through else { return outcome }
                return outcome.going(through: .row(place + shift))
            }
        rows = taken.rows + rows
        first = taken.first
        readings += taken.readings
        return readings > limit ? dropOldest() : nil
    }

    private mutating func dropOldest() -> Int? {
        // A tenth at a time, so that it is not done for each reading that comes.
        let surplus = readings - limit + limit / 10
        var lost: (count: Int64, from: Instant, to: Instant)?
        var dropped = 0
        var kept: [ReadingStore.NewRow] = []
        for row in rows {
            switch row {
            case .reading(let taken) where dropped < surplus:
                dropped += 1
                let at = taken.reading.takenAt
                lost = ((lost?.count ?? 0) + 1, min(lost?.from ?? at, at), max(lost?.to ?? at, at))
            case .record(.hole(let hole)) where hole.reason == .evictedBySize && hole.sequences == nil && kept.isEmpty:
                // The hole of the time before: one is enough.
                lost = ((lost?.count ?? 0) + hole.count, min(lost?.from ?? hole.from, hole.from), max(lost?.to ?? hole.to, hole.to))
            default: kept.append(row)
            }
        }
        guard let lost else { return nil }
        let hole = Hole(sensor: nil, reason: .evictedBySize, from: lost.from, to: lost.to, count: lost.count)
        let shift = rows.count - kept.count - 1
        rows = [.record(.hole(hole))] + kept
        first += Int64(shift)
        outcomes = outcomes.map { outcome in
            guard case .row(let place) = outcome.through else { return outcome }
            return outcome.going(through: .row(max(0, place - shift)))
        }
        readings -= dropped
        return dropped
    }
}

extension ReadingStore.Outcome {
    var withoutForecast: ReadingStore.Outcome {
        var copy = ReadingStore.Outcome(
            sensor: sensor, observation: observation, through: through, forecast: nil, releaseCounter: releaseCounter, issuedAt: issuedAt)
        copy.isAgain = isAgain
        return copy
    }

    func going(through: ReadingStore.Through) -> ReadingStore.Outcome {
        var copy = ReadingStore.Outcome(
            sensor: sensor, observation: observation, through: through, forecast: forecast, releaseCounter: releaseCounter, issuedAt: issuedAt)
        copy.isAgain = isAgain
        return copy
    }
}
