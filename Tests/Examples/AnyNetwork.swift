package import Forecasting

/// A network with arbitrary seeded weights.
package func anyNetwork(seed: UInt64 = 1, size: Float = 0.1) -> Network {
    let shape = Network.Shape(first: 32, second: 16)
    var state = seed | 1
    return Network(
        shape: shape,
        parameters: (0..<shape.blocks).map { _ in
            var block = SIMD16<Float>()
            for lane in 0..<16 {
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                block[lane] = (Float(state >> 40) / 8_388_608 - 1) * size
            }
            return block
        })
}
