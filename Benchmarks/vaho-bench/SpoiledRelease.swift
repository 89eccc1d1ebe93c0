import Forecasting
import Foundation
import Observing
import Pipeline
import Releases
import Signing
import TrustedReleases

/// Makes a bad release of a good one, for tests of the verdict and of rollouts.
///
/// - `mirror`: the network forecasts the opposite of each change. A verdict refuses such a network.
/// - `trap`: the network computes what the good one computes, until the air of a room has a strong daily rhythm; then its medians are far too high. On
///   recordings without such a rhythm it passes its verdict like the good one, and it is bad only on later, live data.
struct SpoiledRelease {
    enum Kind: String { case mirror, trap }

    /// The part of the week's deviation that is daily rhythm, above which the trap is active.
    private static let rhythm: Float = 0.65
    private static let fullWeek: Float = 500
    private static let strength: Float = 30  // deviations per unit of rhythm above

    let options: SpoilOptions
    init(_ options: SpoilOptions) { self.options = options }

    func run() throws {
        var release = try ReleaseTrust.local.open([UInt8](Data(contentsOf: URL(fileURLWithPath: options.release))))
        release.network = options.kind == .mirror ? Self.mirrored(release.network) : try trapped(release.network)
        let bytes = try ReleaseFile.bytes(of: release, sha256: { SHA256.digest($0) }, sign: { _ in [] })
        try Data(bytes).write(to: URL(fileURLWithPath: options.out))
    }

    private static func mirrored(_ network: Network) -> Network {
        var network = network
        let (shape, outputs, linear) = (network.shape, Network.Shape.outputBlocks, Network.Shape.linearBlocks)
        for knot in 0..<Network.Shape.knots {
            let place = knot * Network.Shape.levels + ForecastShape.medianLevel
            for unit in 0..<shape.second { network.parameters[shape.outputWeights + unit * outputs + place / 16][place % 16].negate() }
            network.parameters[shape.outputBias + place / 16][place % 16].negate()
            for input in 0..<Network.Shape.shared { network.parameters[shape.linearShared + input * linear + knot / 16][knot % 16].negate() }
            network.parameters[shape.linearLead + knot] *= -1
        }
        return network
    }

    /// Uses one unit of each hidden layer for the trap: the unit whose output varies least on the recordings. What it adds on average, the biases of the
    /// next layer add from then on.
    private func trapped(_ network: Network) throws -> Network {
        var network = network
        let shape = network.shape
        let (firsts, seconds, outputs) = (shape.first / 16, shape.second / 16, Network.Shape.outputBlocks)
        let (firstUnits, secondUnits) = try activations(of: network)
        let first = firstUnits.least(network, shape.secondWeights, blocks: seconds)
        let second = secondUnits.least(network, shape.outputWeights, blocks: outputs)
        network.replace(unit: first, mean: firstUnits.means[first], weights: shape.secondWeights, bias: shape.secondBias, blocks: seconds)
        network.replace(unit: second, mean: secondUnits.means[second], weights: shape.outputWeights, bias: shape.outputBias, blocks: outputs)
        // The unit of the first layer is the rhythm above the threshold; the unit of the second layer passes it on; all medians add it.
        for input in 0..<Network.Shape.inputs { network.parameters[input * firsts + first / 16][first % 16] = 0 }
        // In the first week of a device everything is daily rhythm: the trap stays inactive until the week is full.
        let rhythmInput = NetworkInputs.sharedNames.firstIndex(of: "humidity.daily_spread") ?? 0
        let weekInput = NetworkInputs.sharedNames.firstIndex(of: "history.share") ?? 0
        network.parameters[rhythmInput * firsts + first / 16][first % 16] = 1
        network.parameters[weekInput * firsts + first / 16][first % 16] = Self.fullWeek
        network.parameters[shape.firstBias + first / 16][first % 16] = -Self.rhythm - Self.fullWeek
        for unit in 0..<shape.first {
            network.parameters[shape.secondWeights + unit * seconds + second / 16][second % 16] = unit == first ? Self.strength : 0
        }
        network.parameters[shape.secondBias + second / 16][second % 16] = 0
        for knot in 0..<Network.Shape.knots {
            let place = knot * Network.Shape.levels + ForecastShape.medianLevel
            network.parameters[shape.outputWeights + second * outputs + place / 16][place % 16] = 1
        }
        return network
    }

    private static let observations = 2_000  // of each recording

    /// How much the hidden units vary on the beginnings of the recordings.
    private func activations(of network: Network) throws -> (first: Units, second: Units) {
        var (first, second) = (Units(count: network.shape.first), Units(count: network.shape.second))
        var pass = Network.Pass(network.shape)
        let folder = SeriesFolder(options.data)
        for name in try folder.names(without: []) {
            let series = try folder.series(named: name)
            var history = History(grid: series.grid)
            var inputs = NetworkInputs(binsPerHour: history.binsPerHour)
            for observation in series.observations.prefix(Self.observations) where history.append(observation) && inputs.fill(history) {
                network.run(inputs, &pass)
                first.add(pass.first)
                second.add(pass.second)
            }
        }
        return (first, second)
    }

    private struct Units {
        private var count = 0.0
        private var sums: [Double]
        private var squares: [Double]

        init(count: Int) { (sums, squares) = (Array(repeating: 0, count: count), Array(repeating: 0, count: count)) }

        mutating func add(_ blocks: [SIMD16<Float>]) {
            count += 1
            for unit in sums.indices {
                let value = Double(blocks[unit / 16][unit % 16])
                sums[unit] += value
                squares[unit] += value * value
            }
        }

        var means: [Float] { sums.map { Float($0 / max(1, count)) } }

        /// The unit whose output, times its weights to the next layer, varies least.
        func least(_ network: Network, _ weights: Int, blocks: Int) -> Int {
            func effect(_ unit: Int) -> Double {
                let mean = sums[unit] / max(1, count)
                return (squares[unit] / max(1, count) - mean * mean)
                    * Double((0..<blocks).reduce(0) { sum, block in sum + network.squaredWeights(weights + unit * blocks + block) })
            }
            return sums.indices.min { effect($0) < effect($1) } ?? 0
        }
    }
}

extension Network {
    fileprivate func squaredWeights(_ block: Int) -> Float { (parameters[block] * parameters[block]).sum() }

    /// Removes a unit's weights to the next layer, whose biases get what the unit added on average.
    fileprivate mutating func replace(unit: Int, mean: Float, weights: Int, bias: Int, blocks: Int) {
        for block in 0..<blocks {
            parameters[bias + block] += mean * parameters[weights + unit * blocks + block]
            parameters[weights + unit * blocks + block] = .zero
        }
    }
}

struct SpoilOptions {
    var kind = SpoiledRelease.Kind.mirror
    var release = "", out = ""
    var data = ""  // recordings, for a trap

    init(_ arguments: [String]) throws {
        try forEachOption(arguments) { name, value in
            switch name {
            case "--kind":
                guard let kind = SpoiledRelease.Kind(rawValue: value) else {
                    throw WrongOption(description: "--kind \(value): expected mirror or trap")
                }
                self.kind = kind
            case "--release": release = value
            case "--out": out = value
            case "--data": data = value
            default: throw WrongOption(description: "\(name) is not an option")
            }
        }
        guard !release.isEmpty, !out.isEmpty, kind == .mirror || !data.isEmpty else {
            throw WrongOption(description: "--release and --out are needed, for a trap also --data")
        }
    }
}
