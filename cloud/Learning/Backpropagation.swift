internal import Forecasting
internal import Randomness

/// The gradient of the quantile loss over some rows: one thread's share of a batch.
struct Backpropagation {
    private let shape: Network.Shape
    private(set) var gradient: [SIMD16<Float>]
    private(set) var loss: Double = 0
    private var first: [SIMD16<Float>]
    private var second: [SIMD16<Float>]
    private var output: [SIMD16<Float>]
    private var linear: [SIMD16<Float>]
    private var firstMask: [SIMD16<Float>]
    private var secondMask: [SIMD16<Float>]
    private var inputs: [Float]
    private var leads: [SIMD16<Float>]

    init(_ shape: Network.Shape) {
        self.shape = shape
        gradient = Array(repeating: SIMD16<Float>(), count: shape.blocks)
        first = Array(repeating: SIMD16<Float>(), count: shape.first / 16)
        second = Array(repeating: SIMD16<Float>(), count: shape.second / 16)
        output = Array(repeating: SIMD16<Float>(), count: Network.Shape.outputBlocks)
        linear = Array(repeating: SIMD16<Float>(), count: Network.Shape.linearBlocks)
        (firstMask, secondMask) = (first, second)
        inputs = Array(repeating: 0, count: Network.Shape.inputs)
        leads = Array(repeating: SIMD16<Float>(), count: Network.Shape.knots)
    }

    mutating func clear() {
        for block in gradient.indices { gradient[block] = SIMD16<Float>() }
        loss = 0
    }

    /// Adds the loss and the gradient of one row.
    /// - Parameters:
    ///   - scale: 1 divided by the number of known targets in the batch.
    ///   - dropped: the share of hidden units that dropout leaves out for this row.
    mutating func add(
        _ rows: borrowing TrainingRows, _ row: Int, _ parameters: [SIMD16<Float>], scale: Float, dropped: Float, _ random: inout RandomNumbers
    ) {
        typealias Shape = Network.Shape
        // Half of the rows, chosen at random, change their sign: the network then learns rises and falls alike, but no seasonal drift.
        let sign: Float = random.next() & 1 == 0 ? 1 : -1
        for index in 0..<Shape.shared {
            inputs[index] = rows.shared[row * Shape.shared + index] * (NetworkInputs.isMirrored[index] ? sign : 1)
        }
        for knot in 0..<Shape.knots {
            leads[knot] = rows.lead(row: row, knot: knot) * sign
            inputs[Shape.shared + 3 * knot] = leads[knot][NetworkInputs.mean]
            inputs[Shape.shared + 3 * knot + 1] = leads[knot][NetworkInputs.latest]
            inputs[Shape.shared + 3 * knot + 2] = leads[knot][NetworkInputs.month]
        }
        Backpropagation.sampleDropoutMask(&firstMask, dropped, &random)
        Backpropagation.sampleDropoutMask(&secondMask, dropped, &random)

        Backpropagation.forward(inputs, parameters, 0, shape.firstBias, &first)
        for block in first.indices { first[block] = first[block].replacing(with: 0, where: first[block] .< 0) * firstMask[block] }
        Backpropagation.forward(first, parameters, shape.secondWeights, shape.secondBias, &second)
        for block in second.indices { second[block] = second[block].replacing(with: 0, where: second[block] .< 0) * secondMask[block] }
        Backpropagation.forward(second, parameters, shape.outputWeights, shape.outputBias, &output)
        for block in linear.indices { linear[block] = SIMD16<Float>() }
        for index in 0..<Shape.shared {
            for block in linear.indices { linear[block] += inputs[index] * parameters[shape.linearShared + index * Shape.linearBlocks + block] }
        }

        var outputGradient = Array(repeating: SIMD16<Float>(), count: Shape.outputBlocks)
        var linearGradient = Array(repeating: SIMD16<Float>(), count: Shape.linearBlocks)
        for knot in 0..<Shape.knots {
            let target = rows.targets[row * Shape.knots + knot] * sign
            guard target == target else { continue }
            let weight = rows.weights[row * Shape.knots + knot] * scale / Float(Shape.levels)
            let median =
                outputValue(knot, ForecastShape.medianLevel) + linear[knot >> 4][knot & 15]
                + Network.sum(leads[knot] * parameters[shape.linearLead + knot])
            let change = quantileLoss(knot, target, median, weight, &outputGradient)
            linearGradient[knot >> 4][knot & 15] += change
            gradient[shape.linearLead + knot] += change * leads[knot]
        }
        for index in 0..<Shape.shared {
            for block in linear.indices { gradient[shape.linearShared + index * Shape.linearBlocks + block] += inputs[index] * linearGradient[block] }
        }
        var secondGradient = second
        backward(second, outputGradient, parameters, shape.outputWeights, shape.outputBias, &secondGradient)
        for block in second.indices {
            secondGradient[block] = secondGradient[block].replacing(with: 0, where: second[block] .<= 0) * secondMask[block]
        }
        var firstGradient = first
        backward(first, secondGradient, parameters, shape.secondWeights, shape.secondBias, &firstGradient)
        for block in first.indices { firstGradient[block] = firstGradient[block].replacing(with: 0, where: first[block] .<= 0) * firstMask[block] }
        for index in inputs.indices where inputs[index] != 0 {
            for block in firstGradient.indices { gradient[index * firstGradient.count + block] += inputs[index] * firstGradient[block] }
        }
        for block in firstGradient.indices { gradient[shape.firstBias + block] += firstGradient[block] }
    }

    private func outputValue(_ knot: Int, _ level: Int) -> Float {
        let index = knot * Network.Shape.levels + level
        return output[index >> 4][index & 15]
    }

    /// Adds the loss of a knot's quantiles to `loss`, and the gradient with respect to the outputs to `change`.
    /// - Returns: the gradient with respect to the median.
    private mutating func quantileLoss(_ knot: Int, _ target: Float, _ median: Float, _ weight: Float, _ change: inout [SIMD16<Float>]) -> Float {
        let levels = Network.Shape.levels
        let middle = ForecastShape.medianLevel
        func pinballLoss(_ level: Int, _ value: Float) -> (loss: Float, slope: Float) {
            let share = Float(ForecastShape.levels[level])
            let error = target - value
            return error >= 0 ? (share * error * weight, -share * weight) : ((share - 1) * error * weight, (1 - share) * weight)
        }
        func addGradient(_ level: Int, _ slope: Float) {
            let index = knot * levels + level
            change[index >> 4][index & 15] += slope
        }
        func slope(_ level: Int) -> Float {  // derivative of `Network.step`
            let moved = outputValue(knot, level) - 1
            return (1 + moved / (moved * moved + 1).squareRoot()) / 2
        }
        let here = pinballLoss(middle, median)
        var (total, all) = (here.loss, here.slope)
        for side in [1, -1] {
            var value = median
            var level = middle
            var slopes: [Float] = []
            while level + side >= 0, level + side < levels {
                level += side
                value += Float(side) * Network.step(outputValue(knot, level))
                let next = pinballLoss(level, value)
                total += next.loss
                all += next.slope
                slopes.append(next.slope)
            }
            // The step of a level moves this level and all levels that are farther from the median.
            var beyond: Float = 0
            while level != middle {
                beyond += slopes.removeLast()
                addGradient(level, Float(side) * beyond * slope(level))
                level -= side
            }
        }
        addGradient(middle, all)
        loss += Double(total)
        return all
    }

    private static func sampleDropoutMask(_ kept: inout [SIMD16<Float>], _ dropped: Float, _ random: inout RandomNumbers) {
        let keep = 1 / (1 - dropped)
        for block in kept.indices {
            var lanes = SIMD16<Float>(repeating: keep)
            if dropped > 0 { for lane in 0..<16 where random.unitFloat() < dropped { lanes[lane] = 0 } }
            kept[block] = lanes
        }
    }

    private static func forward(_ inputs: [Float], _ parameters: [SIMD16<Float>], _ weights: Int, _ bias: Int, _ output: inout [SIMD16<Float>]) {
        let width = output.count
        for block in 0..<width { output[block] = parameters[bias + block] }
        for index in inputs.indices where inputs[index] != 0 {
            for block in 0..<width { output[block] += inputs[index] * parameters[weights + index * width + block] }
        }
    }

    private static func forward(
        _ inputs: [SIMD16<Float>], _ parameters: [SIMD16<Float>], _ weights: Int, _ bias: Int, _ output: inout [SIMD16<Float>]
    ) {
        let width = output.count
        for block in 0..<width { output[block] = parameters[bias + block] }
        for index in 0..<(16 * inputs.count) {
            let value = inputs[index >> 4][index & 15]
            guard value != 0 else { continue }
            for block in 0..<width { output[block] += value * parameters[weights + index * width + block] }
        }
    }

    private mutating func backward(
        _ values: [SIMD16<Float>], _ change: [SIMD16<Float>], _ parameters: [SIMD16<Float>], _ weights: Int, _ bias: Int,
        _ inputGradient: inout [SIMD16<Float>]
    ) {
        let width = change.count
        for index in 0..<(16 * values.count) {
            let value = values[index >> 4][index & 15]
            guard value != 0 else {  // an inactive unit has no gradient
                inputGradient[index >> 4][index & 15] = 0
                continue
            }
            var sum = SIMD16<Float>()
            for block in 0..<width {
                sum += change[block] * parameters[weights + index * width + block]
                gradient[weights + index * width + block] += value * change[block]
            }
            inputGradient[index >> 4][index & 15] = Network.sum(sum)
        }
        for block in 0..<width { gradient[bias + block] += change[block] }
    }
}
