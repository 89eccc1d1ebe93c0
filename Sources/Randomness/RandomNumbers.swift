/// The random number generator SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): seeded, and the same on every machine.
package struct RandomNumbers: Sendable {
    private var state: UInt64

    /// - Parameter parts: the seed. Each use passes different parts and gets a separate stream.
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

    /// A uniform random number in [0, 1).
    package mutating func unitFloat() -> Float { Float(next() >> 40) / 16_777_216 }
    package mutating func index(below count: Int) -> Int { Int(truncatingIfNeeded: ((next() >> 32) &* UInt64(count)) >> 32) }

    /// Fisher–Yates shuffle. The standard library's shuffle is not used, because a later version may give another order.
    package mutating func shuffle(_ order: inout [Int]) {
        for last in stride(from: order.count - 1, to: 0, by: -1) { order.swapAt(last, index(below: last + 1)) }
    }
}
