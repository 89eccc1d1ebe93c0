/// A condition under which a candidate must not be worse than the champion, however much better the candidate is on average.
package enum Stratum: Int, Sendable, CaseIterable {
    case indoorLike  // a series whose median daily range is less than 15 %RH
    case outdoorLike
    case damp  // targets above 90 %RH
    case day
    case night

    package var name: String {
        switch self {
        case .indoorLike: "indoor-like"
        case .outdoorLike: "outdoor-like"
        case .damp: "above 90 %RH"
        case .day: "day"
        case .night: "night"
        }
    }
}

/// A set of strata. A target belongs to several.
package struct Strata: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    package init(_ stratum: Stratum) { rawValue = 1 << stratum.rawValue }
    package func contains(_ stratum: Stratum) -> Bool { contains(Strata(stratum)) }
}
