/// A small neural network with a linear part, which forecasts all knots of lead time at once.
///
/// All values are departures from now, in deviations. Median = linear part + hidden part; the other quantiles are the median plus or minus
/// positive steps, so that they never cross. Parameters are stored in blocks of 16, one row of blocks per input, so that outputs are summed in
/// parallel without horizontal sums. Only + − × ÷ and square roots are used, in a fixed order: results are the same on every machine.
package struct Network: Sendable, Equatable {
    package struct Shape: Sendable, Equatable {
        package let first: Int  // units of the first hidden layer, a multiple of 16
        package let second: Int

        package init(first: Int, second: Int) {
            self.first = first
            self.second = second
        }

        package static let shared = NetworkInputs.sharedNames.count
        package static let knots = NetworkInputs.knots.count
        package static let inputs = shared + 3 * knots
        package static let levels = ForecastShape.levels.count
        package static let outputBlocks = (knots * levels + 15) / 16
        package static let evenSpreads = [Float](repeating: 1, count: knots * levels)
        package static let linearBlocks = (knots + 15) / 16

        var firstBlocks: Int { first / 16 }
        var secondBlocks: Int { second / 16 }
        // Where each part of `parameters` begins, in blocks.
        package var firstBias: Int { Shape.inputs * firstBlocks }
        package var secondWeights: Int { firstBias + firstBlocks }
        package var secondBias: Int { secondWeights + first * secondBlocks }
        package var outputWeights: Int { secondBias + secondBlocks }
        package var outputBias: Int { outputWeights + second * Shape.outputBlocks }
        package var linearShared: Int { outputBias + Shape.outputBlocks }
        package var linearLead: Int { linearShared + Shape.shared * Shape.linearBlocks }
        package var blocks: Int { linearLead + Shape.knots }
    }

    package let shape: Shape
    package var parameters: [SIMD16<Float>]  // [shape.blocks]
    package var spreads: [Float]  // [knots × levels]: the initial factors of interval tracking

    package init(shape: Shape, parameters: [SIMD16<Float>], spreads: [Float] = Shape.evenSpreads) {
        precondition(parameters.count == shape.blocks && spreads.count == Shape.evenSpreads.count)
        self.spreads = spreads
        self.shape = shape
        self.parameters = parameters
    }

    /// The intermediate values of one pass through the network; reused, so that a pass allocates no memory.
    package struct Pass: Sendable {
        package var inputs: [Float]  // [Shape.inputs]
        package var first: [SIMD16<Float>]
        package var second: [SIMD16<Float>]
        package var output: [SIMD16<Float>]
        package var linear: [SIMD16<Float>]

        package init(_ shape: Shape) {
            inputs = Array(repeating: 0, count: Shape.inputs)
            first = Array(repeating: .zero, count: shape.firstBlocks)
            second = Array(repeating: .zero, count: shape.secondBlocks)
            output = Array(repeating: .zero, count: Shape.outputBlocks)
            linear = Array(repeating: .zero, count: Shape.linearBlocks)
        }

        /// The network's output for a knot, before conversion to quantiles: one lane per level; the eighth lane is unused.
        func raw(_ knot: Int) -> SIMD8<Float> {
            // This call is unsafe only for types with invalid bit patterns. The range is checked, and any bits are valid floats.
            unsafe output.span.bytes.unsafeLoadUnaligned(fromByteOffset: 4 * knot * Shape.levels, as: SIMD8<Float>.self)
        }
    }

    package func run(_ inputs: borrowing NetworkInputs, _ pass: inout Pass) {
        for index in 0..<Shape.shared { pass.inputs[index] = inputs.shared[index] }
        for knot in 0..<Shape.knots {
            pass.inputs[Shape.shared + 3 * knot] = inputs.leads[knot][NetworkInputs.mean]
            pass.inputs[Shape.shared + 3 * knot + 1] = inputs.leads[knot][NetworkInputs.latest]
            pass.inputs[Shape.shared + 3 * knot + 2] = inputs.leads[knot][NetworkInputs.month]
        }
        layer(pass.inputs, 0, shape.firstBias, &pass.first)
        Network.relu(&pass.first)
        layer(pass.first, shape.secondWeights, shape.secondBias, &pass.second)
        Network.relu(&pass.second)
        layer(pass.second, shape.outputWeights, shape.outputBias, &pass.output)
        for block in 0..<Shape.linearBlocks {
            var sum = SIMD16<Float>.zero
            for index in 0..<Shape.shared { sum += pass.inputs[index] * parameters[shape.linearShared + index * Shape.linearBlocks + block] }
            pass.linear[block] = sum
        }
    }

    private static func relu(_ values: inout [SIMD16<Float>]) {
        for block in values.indices { values[block] = values[block].replacing(with: 0, where: values[block] .< 0) }
    }

    /// Computes two blocks of outputs at a time: each input is read once for 32 products, and the two sums are independent of each other.
    private func layer(_ inputs: [Float], _ weights: Int, _ bias: Int, _ output: inout [SIMD16<Float>]) {
        let width = output.count
        for block in stride(from: 0, to: width, by: 2) {
            let next = min(block + 1, width - 1)  // an odd count computes the last block twice
            var (sum, other) = (parameters[bias + block], parameters[bias + next])
            var index = weights
            for input in inputs {
                sum += input * parameters[index + block]
                other += input * parameters[index + next]
                index += width
            }
            output[block] = sum
            output[next] = other
        }
    }

    private func layer(_ inputs: [SIMD16<Float>], _ weights: Int, _ bias: Int, _ output: inout [SIMD16<Float>]) {
        let width = output.count
        for block in stride(from: 0, to: width, by: 2) {
            let next = min(block + 1, width - 1)
            var (sum, other) = (parameters[bias + block], parameters[bias + next])
            var index = weights
            for input in inputs {
                for lane in 0..<16 {
                    sum += input[lane] * parameters[index + block]
                    other += input[lane] * parameters[index + next]
                    index += width
                }
            }
            output[block] = sum
            output[next] = other
        }
    }

    /// The median's departure from now at a knot, in deviations.
    package func median(_ knot: Int, _ inputs: borrowing NetworkInputs, _ pass: borrowing Pass) -> Float {
        pass.raw(knot)[ForecastShape.medianLevel] + pass.linear[knot >> 4][knot & 15]
            + Network.sum(inputs.leads[knot] * parameters[shape.linearLead + knot])
    }

    /// The distance of a level from the next level nearer to the median, in deviations; above 0.
    package static func step(_ raw: Float) -> Float { step(SIMD8(repeating: raw))[0] }
    private static func step(_ raw: SIMD8<Float>) -> SIMD8<Float> {
        let moved = raw - 1
        return (moved + (moved * moved + 1).squareRoot()) / 2
    }

    /// Adds the upper half to the lower half repeatedly. The order is fixed, so that the result is the same on every machine.
    package static func sum(_ values: SIMD16<Float>) -> Float {
        let eight = values.lowHalf + values.highHalf
        let four = eight.lowHalf + eight.highHalf
        let two = four.lowHalf + four.highHalf
        return two.x + two.y
    }

    /// The signed distances of the levels from the median at a knot, in deviations, in increasing order; the median's is 0.
    package func distances(_ knot: Int, _ pass: borrowing Pass) -> SIMD8<Float> {
        let steps = Network.step(pass.raw(knot))
        let (below, above) = (-steps[2], steps[4])
        return SIMD8(below - steps[1] - steps[0], below - steps[1], below, 0, above, above + steps[5], above + steps[5] + steps[6], 0)
    }
}
