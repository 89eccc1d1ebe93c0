package import Measures

/// Finds false readings between good ones: a failed conversion that is given out as a value, once, or as a few zeros for "none".
///
/// A reading that jumps away is held back until the next shows whether it came straight back: then it was false, and is flagged.
/// Where it did not, the air has changed, and both are passed on as they were. A value; constant time and memory.
///
/// The test is the spike test of QARTOD (U.S. IOOS, Manual for Real-Time Quality Control of In-situ Temperature and Salinity Data).
package struct SpikeFilter: Sendable {
    /// A smaller step is no spike, in thousandths of a percent.
    static let leastStep: Int32 = 10_000
    /// How near to the reading before the next one must come, at least; a quarter of the step where that is more.
    static let leastReturn: Int32 = 2_000
    /// Readings further apart say nothing of each other: so much happens in a room.
    static let longestSpacing: Duration = .seconds(300)
    /// Zeros in a row that may mean "none".
    static let mostZeros = 3

    private var last: Reading?  // that was passed on unflagged
    private var held: [Reading] = []

    package var isHolding: Bool { !held.isEmpty }
    private static let mostHeld = 8

    package init() {}

    /// - Returns: the readings that are decided now, in their order.
    package mutating func take(_ reading: Reading) -> [Reading] {
        guard let mpct = SpikeFilter.usable(reading) else {
            // It tells nothing of the one that is held back, which waits on.
            guard isHolding, held.count < SpikeFilter.mostHeld else { return flush() + [reading] }
            held.append(reading)
            return []
        }
        guard let last, let before = last.humidityMpct, reading.takenAt > last.takenAt,
            reading.takenAt - (held.last ?? last).takenAt <= SpikeFilter.longestSpacing
        else {
            defer { self.last = reading }
            return flush() + [reading]
        }
        guard let first = held.first?.humidityMpct else {
            if SpikeFilter.step(before, mpct) > SpikeFilter.leastStep {
                held = [reading]
                return []
            }
            self.last = reading
            return [reading]
        }
        if SpikeFilter.step(before, mpct) <= max(SpikeFilter.leastReturn, SpikeFilter.step(before, first) / 4) {
            defer { (held, self.last) = ([], reading) }
            return held.map(SpikeFilter.flagged) + [reading]
        }
        if mpct == 0, first == 0, held.count < SpikeFilter.mostZeros {
            held.append(reading)
            return []
        }
        // The air has changed; this reading is judged against the changed air.
        let passed = flush()
        return passed + take(reading)
    }

    /// Passes on what is held back, as it was.
    package mutating func flush() -> [Reading] {
        defer { held = [] }
        if let newest = held.last(where: { SpikeFilter.usable($0) != nil }) { last = newest }
        return held
    }

    private static func step(_ a: Int32, _ b: Int32) -> Int32 { Int32(clamping: abs(Int64(a) - Int64(b))) }

    private static func usable(_ reading: Reading) -> Int32? {
        reading.flags.isDisjoint(with: [.impossible, .cached]) ? reading.humidityMpct : nil
    }

    private static func flagged(_ reading: Reading) -> Reading {
        var reading = reading
        if usable(reading) != nil { reading.flags.insert(.spike) }
        return reading
    }
}
