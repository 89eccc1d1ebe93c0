package import Measures

/// Simulated air of a room or outdoors, with daily course, slow weather and noise; the same seed gives the same air.
///
/// A pure function of seed and instant without state: after a restart the air continues without a jump.
package struct SimulatedAir: Sendable {
    package enum Setting: String, Sendable, CaseIterable { case room, outdoor }

    /// The simulated faults of a sensor.
    package enum Fault: Sendable, CaseIterable {
        case silent  // no response
        case impossible  // 250 %
        case stuck  // the value at the start of the fault
        case jumping  // 40 % away from the true value
    }

    private let seed: UInt64
    private let setting: Setting

    package init(_ setting: Setting, seed: UInt64) {
        self.setting = setting
        self.seed = seed
    }

    package func air(at instant: Instant) -> (humidity: RelativeHumidity, temperature: Temperature) {
        let hours = Double(instant.ms) / 3_600_000
        let day = wave(hours / 24 + 0.15)  // warmest in the afternoon, UTC
        let weather = noise(hours / 31, stream: 1) + 0.5 * noise(hours / 9, stream: 2)  // first term: fronts; second term: showers
        let flicker = noise(hours * 12, stream: 3)
        switch setting {
        case .outdoor:
            return bounded(68 - 16 * day + 14 * weather + 0.8 * flicker, 11 + 5 * day - 3 * weather + 0.1 * flicker)
        case .room:
            let occupied = max(0, wave(hours / 24 - 0.1)) * (0.5 + 0.5 * noise(hours / 3, stream: 4).magnitude)
            return bounded(47 + 3 * weather + 5 * occupied + 0.25 * flicker, 20.5 + 0.8 * day + 0.05 * flicker)
        }
    }

    /// The fault of a sensor at an instant, if any; a fault lasts ten minutes.
    /// - Parameter percent: the share of time with faults.
    package func fault(at instant: Instant, percent: Double) -> (fault: Fault, since: Instant)? {
        let span = instant.ms / 600_000
        guard (random(span, 5) + 1) * 50 < percent else { return nil }
        let kind = Int((random(span, 6) + 1) / 2 * Double(Fault.allCases.count))
        return (Fault.allCases[max(0, min(Fault.allCases.count - 1, kind))], Instant(ms: span * 600_000))
    }

    private func bounded(_ percent: Double, _ celsius: Double) -> (humidity: RelativeHumidity, temperature: Temperature) {
        (RelativeHumidity(percent: max(3, min(100, percent))), Temperature(celsius: celsius))
    }

    /// A smooth wave of period 1 between −1 and 1, with a parabola for each half.
    private func wave(_ x: Double) -> Double {
        let phase = x - x.rounded(.down)
        let half = phase < 0.5 ? phase : phase - 0.5
        let arch = 16 * half * (0.5 - half)
        return phase < 0.5 ? arch : -arch
    }

    /// Value noise between −1 and 1: random values at whole x, joined smoothly.
    private func noise(_ x: Double, stream: UInt64) -> Double {
        let floor = x.rounded(.down)
        let share = x - floor
        let smooth = share * share * (3 - 2 * share)
        let cell = Int64(floor)
        let (a, b) = (random(cell, stream), random(cell + 1, stream))
        return a + (b - a) * smooth
    }

    private func random(_ cell: Int64, _ stream: UInt64) -> Double {
        // SplitMix64's finaliser over seed, stream and cell.
        var bits = seed &+ stream &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(bitPattern: cell) &* 0xD1B5_4A32_D192_ED03
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        bits ^= bits >> 31
        return Double(bits >> 11) / Double(1 << 52) - 1
    }
}
