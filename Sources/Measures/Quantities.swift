/// Relative humidity over liquid water.
package struct RelativeHumidity: Sendable, Hashable, Comparable {
    package let percent: Double
    package init(percent: Double) { self.percent = percent }
    package static func < (a: Self, b: Self) -> Bool { a.percent < b.percent }
}

package struct Temperature: Sendable, Hashable, Comparable {
    package let celsius: Double
    package init(celsius: Double) { self.celsius = celsius }
    package static func < (a: Self, b: Self) -> Bool { a.celsius < b.celsius }
}

/// Conversion to whole thousandths, the stored form of readings: milli-percent, milli-°C.
package enum Milli {
    /// Rounded to nearest, ties away from zero. `nil` when the value is not finite or does not fit.
    package static func rounded(_ value: Double) -> Int32? {
        let scaled = value * 1_000
        guard scaled > -2_147_483_000, scaled < 2_147_483_000 else { return nil }  // NaN fails too
        return Int32(scaled < 0 ? scaled - 0.5 : scaled + 0.5)
    }
}
