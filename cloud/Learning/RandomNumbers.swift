/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): seeded, the same on every machine.
package struct RandomNumbers: Sendable {
    private var state: UInt64

    /// - Parameter parts: a stream of its own for each place it is drawn at.
    package init(_ parts: UInt64...) {
        state = 0
        for part in parts { state = RandomNumbers.mixed(state &+ 0x9E37_79B9_7F4A_7C15 &+ part) }
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return RandomNumbers.mixed(state)
    }

    private static func mixed(_ value: UInt64) -> UInt64 {
        var mixed = value
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// 0 up to but not including 1.
    package mutating func share() -> Float { Float(next() >> 40) / 16_777_216 }
    package mutating func index(below count: Int) -> Int { Int(truncatingIfNeeded: ((next() >> 32) &* UInt64(count)) >> 32) }

    /// Fisher and Yates: our own, for the standard library may order otherwise one day.
    package mutating func shuffle(_ order: inout [Int]) {
        for last in stride(from: order.count - 1, to: 0, by: -1) { order.swapAt(last, index(below: last + 1)) }
    }
}
