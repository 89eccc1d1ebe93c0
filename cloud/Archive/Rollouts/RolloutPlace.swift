/// The place of a device in the order in which a rollout reaches the devices. Places are evenly spread; a device always has the same place in one
/// rollout, and another in the next, so that no device is the first one every time.
package enum RolloutPlace {
    package static let none: Int64 = -1  // before all places
    package static let last: Int64 = 1 << 32 - 1

    /// The output function of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    package static func of(_ device: Int64, in rollout: Int64) -> Int64 {
        var bits = UInt64(bitPattern: device) &+ UInt64(bitPattern: rollout) &* 0x9E37_79B9_7F4A_7C15
        bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
        return Int64((bits ^ bits >> 31) >> 32)
    }
}
