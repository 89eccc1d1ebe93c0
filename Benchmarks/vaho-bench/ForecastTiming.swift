import Forecasting
import Foundation
import Observing
import Pipeline

/// Measures a device's work per observation, over complete recordings. `inputs`: computing the network's inputs. `network`: one pass and the
/// quantiles at its 18 knots. `forecast`: the network and all lead times. `observation`: one call of `observe`, with inputs, network and learning.
/// `shadow`: how much longer the call takes with a rival in the shadow.
struct ForecastTiming {
    let options: ForecastOptions
    init(_ options: ForecastOptions) { self.options = options }

    func run() throws {
        guard let network = try PretrainedNetwork(path: options.release)?.network else {
            throw WrongOption(description: "\(options.release) does not exist")
        }
        let folder = SeriesFolder(options.data)
        let series = try folder.names(without: []).map { try folder.series(named: $0) }
        if let export = options.export { try NetworkExport(network, series).write(to: export) }
        for _ in 0..<options.rounds {
            var (whole, filling, networkAlone, made) = (Times("observation"), Times("inputs"), Times("network"), Times("forecast"))
            var shadow = Times("shadow")
            for series in series {
                var forecaster = AdaptiveForecaster(grid: series.grid, network: network)
                var withRival = AdaptiveForecaster(grid: series.grid, network: network, rival: network)
                var inputs = NetworkInputs(binsPerHour: forecaster.history.binsPerHour)
                var pass = Network.Pass(network.shape)
                var sum: Float = 0
                for observation in series.observations {
                    let alone = Times.of { forecaster.observe(observation) }
                    whole.add(alone)
                    shadow.add(Times.of { withRival.observe(observation) } - alone)
                    filling.add(Times.of { _ = inputs.fill(forecaster.history) })
                    let pass = Times.of {
                        network.run(inputs, &pass)
                        for knot in NetworkInputs.knots.indices where inputs.isServed[knot] {
                            sum += network.median(knot, inputs, pass) + network.distances(knot, pass)[0]
                        }
                    }
                    networkAlone.add(pass)
                    made.add(pass + Times.of { sum += Float(forecaster.forecast()?.humidity[0] ?? 0) })
                }
                guard sum.isFinite else { throw WrongOption(description: "\(series.name): the network's weights are out of bounds") }
            }
            print("{" + [whole, shadow, filling, networkAlone, made].map(\.json).joined(separator: ", ") + "}")
        }
    }

    private struct Times {
        let name: String
        private var nanoseconds: [Int64] = []

        init(_ name: String) { self.name = name }

        mutating func add(_ nanoseconds: Int64) { self.nanoseconds.append(nanoseconds) }

        static func of(_ work: () -> Void) -> Int64 {
            let started = ContinuousClock.now
            work()
            return started.duration(to: .now).components.attoseconds / 1_000_000_000
        }

        /// In microseconds.
        var json: String {
            let sorted = nanoseconds.sorted()
            func text(_ value: Double) -> String { String(format: "%.2f", value / 1_000) }
            func at(_ share: Double) -> String { text(Double(sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))])) }
            let mean = Double(sorted.reduce(0, +)) / Double(max(1, sorted.count))
            return
                "\"\(name)_us\": {\"count\": \(sorted.count), \"mean\": \(text(mean)), \"p50\": \(at(0.5)), \"p99\": \(at(0.99)), \"max\": \(at(1))}"
        }
    }
}

/// Exports the network's weights, and its outputs for some real inputs, as plain 32-bit floats, so that another program can run the same network.
struct NetworkExport {
    private static let rows = 2_000

    private let network: Network
    private var inputs: [Float] = []  // [rows × Shape.inputs]
    private var leads: [Float] = []  // [rows × knots × 16]
    private var outputs: [Float] = []  // [rows × knots × levels], departures in deviations

    init(_ network: Network, _ series: [GriddedSeries]) {
        self.network = network
        var pass = Network.Pass(network.shape)
        for series in series where series.grid == .fine {
            var history = History(grid: series.grid)
            var filled = NetworkInputs(binsPerHour: history.binsPerHour)
            for observation in series.observations.prefix(8 * NetworkExport.rows) {
                guard history.append(observation), filled.fill(history),
                    outputs.count < NetworkExport.rows * Network.Shape.knots * Network.Shape.levels
                else { continue }
                network.run(filled, &pass)
                inputs += pass.inputs
                for knot in NetworkInputs.knots.indices {
                    leads += (0..<16).map { filled.leads[knot][$0] }
                    let median = network.median(knot, filled, pass), distances = network.distances(knot, pass)
                    outputs += ForecastShape.levels.indices.map { median + distances[$0] }
                }
            }
        }
    }

    func write(to folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let parameters = network.parameters.flatMap { block in (0..<16).map { block[$0] } }
        for (name, values) in [("parameters", parameters), ("inputs", inputs), ("leads", leads), ("outputs", outputs)] {
            let bytes = values.withUnsafeBytes { Data($0) }
            try bytes.write(to: URL(fileURLWithPath: "\(folder)/\(name).f32"))
        }
        let shape = network.shape
        let text =
            "{\"first\": \(shape.first), \"second\": \(shape.second), \"shared\": \(Network.Shape.shared), \"knots\": \(Network.Shape.knots), "
            + "\"levels\": \(Network.Shape.levels), \"output_blocks\": \(Network.Shape.outputBlocks), \"linear_blocks\": \(Network.Shape.linearBlocks)}\n"
        try text.write(toFile: "\(folder)/shape.json", atomically: true, encoding: .utf8)
    }
}
