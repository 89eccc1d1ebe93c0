package import Measures

/// Finds false readings between correct ones: a failed conversion that a driver reports as a value once, or up to three zeros that mean "no
/// value".
///
/// A reading that jumps is held until the next reading arrives. If the next reading returns to the old value, the held reading was false and gets
/// the flag `spike`. Otherwise the air has changed, and both are passed on without the flag. A value type; constant time and memory.
///
/// The test is the spike test of QARTOD (U.S. IOOS, Manual for Real-Time Quality Control of In-situ Temperature and Salinity Data).
package struct SpikeFilter: Sendable {
    /// A smaller change is not a spike; in thousandths of a percent.
    static let minimumSpike: Int32 = 10_000
    /// After a spike, the next reading must lie within this distance of the reading before the spike, or within a quarter of the spike's height
    /// if that is more; in thousandths of a percent.
    static let returnTolerance: Int32 = 2_000
    /// Readings further apart are not compared: the air in a room changes this much in that time.
    static let maximumSpacing: Duration = .seconds(300)
    /// The largest number of consecutive zeros that can mean "no value".
    static let maximumZeros = 3

    private var last: Reading?  // the last reading passed on without the flag `spike`
    private var held: [Reading] = []

    package var isHolding: Bool { !held.isEmpty }
    private static let maximumHeld = 8

    package init() {}

    /// - Returns: the readings whose flags are now final, in their order.
    package mutating func decide(_ reading: Reading) -> [Reading] {
        guard let mpct = SpikeFilter.usable(reading) else {
            // This reading has no usable value: the held readings stay undecided.
            guard isHolding, held.count < SpikeFilter.maximumHeld else { return flush() + [reading] }
            held.append(reading)
            return []
        }
        guard let last, let before = last.humidityMpct, reading.takenAt > last.takenAt,
            reading.takenAt - (held.last ?? last).takenAt <= SpikeFilter.maximumSpacing
        else {
            defer { self.last = reading }
            return flush() + [reading]
        }
        guard let first = held.first?.humidityMpct else {
            if SpikeFilter.step(before, mpct) > SpikeFilter.minimumSpike {
                held = [reading]
                return []
            }
            self.last = reading
            return [reading]
        }
        if SpikeFilter.step(before, mpct) <= max(SpikeFilter.returnTolerance, SpikeFilter.step(before, first) / 4) {
            defer { (held, self.last) = ([], reading) }
            return held.map(SpikeFilter.flagged) + [reading]
        }
        if mpct == 0, first == 0, held.count < SpikeFilter.maximumZeros {
            held.append(reading)
            return []
        }
        // The air has changed: compare this reading with the changed air.
        let passed = flush()
        return passed + decide(reading)
    }

    /// Returns the held readings without the flag `spike`.
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
