internal import Dispatch
package import Forecasting
internal import Randomness
internal import Synchronization

/// Fits a network to rows by the quantile loss: Adam (Kingma and Ba, ICLR 2015), a learning rate that falls to almost zero, dropout of hidden units,
/// and the running mean of the weights as the result.
///
/// The same rows and settings give the same weights to the last bit: each batch is split into a fixed number of parts, and the parts are summed in a
/// fixed order, whichever thread computes them.
package struct NetworkTraining: Sendable {
    package struct Settings: Sendable {
        package var shape = Network.Shape(first: 96, second: 64)
        package var epochs = 10
        package var batch = 1_024
        package var rate: Float = 0.003
        package var dropped: Float = 0.2
        package var seed: UInt64 = 1
        package init() {}
    }

    private static let parts = 8
    private let settings: Settings
    private let rows: TrainingRows

    package init(_ rows: TrainingRows, _ settings: Settings) {
        self.rows = rows
        self.settings = settings
    }

    /// - Parameters:
    ///   - start: the initial weights; `nil` for random weights.
    ///   - progress: called after each pass over the rows, with the mean loss.
    /// - Returns: `nil` if there are no rows.
    package func run(from start: Network? = nil, progress: (_ epoch: Int, _ loss: Double) -> Void = { _, _ in }) throws -> Network? {
        guard rows.count > 0 else { return nil }
        var network = start ?? NetworkTraining.random(settings.shape, seed: settings.seed)
        let size = min(settings.batch, rows.count)
        let batches = rows.count / size
        let shares = (0..<NetworkTraining.parts).map { _ in Locked(Backpropagation(network.shape)) }
        var first = Array(repeating: SIMD16<Float>(), count: network.shape.blocks)  // running mean of the gradient
        var second = first  // running mean of the squared gradient
        var mean = network.parameters
        var order = Array(0..<rows.count)
        var random = RandomNumbers(3, settings.seed)
        var (firstDecay, secondDecay): (Float, Float) = (1, 1)
        for epoch in 0..<settings.epochs {
            random.shuffle(&order)
            var loss = 0.0
            for batch in 0..<batches {
                try Task.checkCancellation()
                let chosen = order[(batch * size)..<((batch + 1) * size)]
                let step = epoch * batches + batch
                var gradient = gradient(chosen, network, shares, step: step, &loss)
                NetworkTraining.limit(&gradient)
                let time = Float(step) / Float(settings.epochs * batches)
                let rate = settings.rate * (1 - time * time * (3 - 2 * time)) + 1e-5
                // The weight of this step in the running mean of the parameters; the mean of the first 200 steps is a plain mean.
                let share = max(0.005, 1 / Float(step + 1))
                firstDecay *= 0.9
                secondDecay *= 0.999
                for block in gradient.indices {
                    first[block] += 0.1 * (gradient[block] - first[block])
                    second[block] += 0.001 * (gradient[block] * gradient[block] - second[block])
                    let size = (second[block] / (1 - secondDecay)).squareRoot() + 1e-8
                    network.parameters[block] -= rate * (first[block] / (1 - firstDecay)) / size
                    mean[block] += share * (network.parameters[block] - mean[block])
                }
            }
            progress(epoch, loss / Double(batches))
        }
        return Network(shape: network.shape, parameters: mean)
    }

    private func gradient(_ chosen: ArraySlice<Int>, _ network: Network, _ shares: [Locked<Backpropagation>], step: Int, _ loss: inout Double)
        -> [SIMD16<Float>]
    {
        let knots = Network.Shape.knots
        var known = 0
        for row in chosen { for knot in 0..<knots where !rows.targets[row * knots + knot].isNaN { known += 1 } }
        let scale = 1 / Float(max(1, known))
        let length = (chosen.count + shares.count - 1) / shares.count
        DispatchQueue.concurrentPerform(iterations: shares.count) { part in
            var random = RandomNumbers(4, settings.seed, UInt64(step), UInt64(part))
            shares[part].value.withLock { share in
                share.clear()
                let low = chosen.startIndex + part * length
                for place in low..<max(low, min(chosen.endIndex, low + length)) {
                    share.add(rows, chosen[place], network.parameters, scale: scale, dropped: settings.dropped, &random)
                }
            }
        }
        var sum = Array(repeating: SIMD16<Float>(), count: network.shape.blocks)
        for share in shares {
            share.value.withLock { share in
                for block in sum.indices { sum[block] += share.gradient[block] }
                loss += share.loss
            }
        }
        return sum
    }

    /// Scales a gradient longer than 1 to length 1, so that one unusual batch does not change the weights much.
    private static func limit(_ gradient: inout [SIMD16<Float>]) {
        var squares = SIMD16<Float>()
        for block in gradient { squares += block * block }
        let length = Network.sum(squares).squareRoot()
        guard length > 1 else { return }
        for block in gradient.indices { gradient[block] /= length }
    }

    /// Random hidden weights, uniform within ±1/√(number of inputs); the output weights and the linear weights are zero.
    private static func random(_ shape: Network.Shape, seed: UInt64) -> Network {
        var random = RandomNumbers(5, seed)
        var parameters = Array(repeating: SIMD16<Float>(), count: shape.blocks)
        func fill(_ blocks: Range<Int>, inputs: Int) {
            let reach = 1 / Float(inputs).squareRoot()
            for block in blocks { for lane in 0..<16 { parameters[block][lane] = (2 * random.unitFloat() - 1) * reach } }
        }
        fill(0..<shape.secondWeights, inputs: Network.Shape.inputs)
        fill(shape.secondWeights..<shape.outputWeights, inputs: shape.first)
        return Network(shape: shape, parameters: parameters)
    }
}

/// A locked value that many threads can share by reference.
final class Locked<Value: Sendable>: Sendable {
    let value: Mutex<Value>
    init(_ value: Value) { self.value = Mutex(value) }
}
