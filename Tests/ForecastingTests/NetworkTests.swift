import Examples
@testable import Forecasting
import Measures
import Observing
import Testing

@Suite struct NetworkInputsTests {
    private func inputs(_ observations: [Observation]) -> NetworkInputs? {
        var history = History(grid: .hourly)
        for observation in observations { history.append(observation) }
        var inputs = NetworkInputs(binsPerHour: 1)
        return inputs.fill(history) ? inputs : nil
    }

    @Test func `every input has a unique name`() throws {
        let filled = try #require(inputs(series(days: 9)))
        #expect(filled.shared.count == NetworkInputs.sharedNames.count)
        #expect(Set(NetworkInputs.sharedNames).count == NetworkInputs.sharedNames.count)
        #expect(NetworkInputs.leadNames.count <= 16)
        #expect(NetworkInputs.leadNames[NetworkInputs.mean] == "humidity.same_hour.mean")
        #expect(NetworkInputs.leadNames[NetworkInputs.latest] == "humidity.same_hour.0")
        #expect(NetworkInputs.leadNames[NetworkInputs.month] == "humidity.same_hour.month")
    }

    @Test func `scaling and shifting a series changes only the inputs for its width and its distance from 100 %`() throws {
        let narrow = series(days: 40).map { observation(Double($0.validAt.ms) / 3_600_000, 20 + $0.humidity.percent / 4, 10) }
        let wide = narrow.map { observation(Double($0.validAt.ms) / 3_600_000, 1 + ($0.humidity.percent - 20) * 2, 10) }
        let (a, b) = (try #require(inputs(narrow)), try #require(inputs(wide)))
        for (place, name) in NetworkInputs.sharedNames.enumerated()
        where !["humidity.room", "humidity.deviation", "humidity.still"].contains(name) {
            #expect((a.shared[place] - b.shared[place]).magnitude < 0.01, "\(name): \(a.shared[place]) and \(b.shared[place])")
        }
        for knot in NetworkInputs.knots.indices {
            #expect((a.leads[knot] - b.leads[knot]).max() < 0.01 && (b.leads[knot] - a.leads[knot]).max() < 0.01)
        }
    }

    @Test func `mirrored air gives mirrored inputs for directions and the same inputs for magnitudes`() throws {
        let up = series(days: 40).map { observation(Double($0.validAt.ms) / 3_600_000, $0.humidity.percent, $0.temperature?.celsius) }
        let down = up.map { observation(Double($0.validAt.ms) / 3_600_000, 100 - $0.humidity.percent, $0.temperature.map { 40 - $0.celsius }) }
        let (a, b) = (try #require(inputs(up)), try #require(inputs(down)))
        for (place, name) in NetworkInputs.sharedNames.enumerated() where name != "humidity.room" {
            let expected = NetworkInputs.isMirrored[place] ? -a.shared[place] : a.shared[place]
            #expect((expected - b.shared[place]).magnitude < 0.01, "\(name): \(a.shared[place]) and \(b.shared[place])")
        }
        for knot in NetworkInputs.knots.indices {
            #expect((a.leads[knot] + b.leads[knot]).max() < 0.01 && (a.leads[knot] + b.leads[knot]).min() > -0.01)
        }
    }

    @Test func `without temperature its inputs are zero, and missing values count as equal to the current value`() throws {
        let dry = try #require(inputs(series(days: 9, temperature: false)))
        for (place, name) in NetworkInputs.sharedNames.enumerated() where name.hasPrefix("temperature") { #expect(dry.shared[place] == 0, "\(name)") }
        let single = try #require(inputs([observation(5, 44)]))
        for (place, name) in NetworkInputs.sharedNames.enumerated() where name.hasPrefix("humidity.hour") { #expect(single.shared[place] == 0) }
        #expect(single.leads.allSatisfy { $0 == SIMD16<Float>() })
        var empty = NetworkInputs(binsPerHour: 1)
        let isFilled = empty.fill(History(grid: .hourly))
        #expect(!isFilled)
    }

    @Test func `an hourly grid serves only lead times of whole hours`() {
        #expect(NetworkInputs(binsPerHour: 1).isServed.filter { !$0 }.count == 2)
        #expect(NetworkInputs(binsPerHour: 6).isServed.allSatisfy { $0 })
        let scored = Set(ForecastShape.scored)
        #expect(scored.isSubset(of: Set(NetworkInputs.knots)))
    }
}

@Suite struct NetworkTests {
    private func filled() throws -> NetworkInputs {
        var history = History(grid: .fine)
        for hour in series(days: 9) { history.append(hour) }
        var inputs = NetworkInputs(binsPerHour: 6)
        let isFilled = inputs.fill(history)
        try #require(isFilled)
        return inputs
    }

    @Test func `the parameter sections are contiguous and fill the parameters`() {
        let shape = Network.Shape(first: 96, second: 64)
        #expect(shape.linearLead + Network.Shape.knots == shape.blocks)
        #expect(shape.blocks * 64 < 120_000)  // bytes, because a release has at most 128 KB
    }

    @Test func `with linear weights alone the median is the weighted sum`() throws {
        let inputs = try filled()
        let shape = Network.Shape(first: 16, second: 16)
        var network = Network(shape: shape, parameters: Array(repeating: SIMD16<Float>(), count: shape.blocks))
        let day = try #require(NetworkInputs.sharedNames.firstIndex(of: "humidity.mean.1d"))
        let knot = 9
        network.parameters[shape.linearShared + day * Network.Shape.linearBlocks + knot / 16][knot % 16] = 0.5
        network.parameters[shape.linearLead + knot][NetworkInputs.mean] = 0.25
        var pass = Network.Pass(shape)
        network.run(inputs, &pass)
        #expect(network.median(knot, inputs, pass) == 0.5 * inputs.shared[day] + 0.25 * inputs.leads[knot][NetworkInputs.mean])
        #expect(network.median(knot + 1, inputs, pass) == 0)
    }

    @Test func `the hidden layers match a plain computation of the sums`() throws {
        let (inputs, network) = (try filled(), anyNetwork())
        let shape = network.shape
        var pass = Network.Pass(shape)
        network.run(inputs, &pass)
        func weight(_ start: Int, _ width: Int, _ row: Int, _ column: Int) -> Double {
            Double(network.parameters[start + row * width / 16 + column / 16][column % 16])
        }
        func layer(_ values: [Double], _ start: Int, _ bias: Int, _ width: Int, cut: Bool) -> [Double] {
            (0..<width).map { column in
                let sum = values.indices.reduce(weight(bias, width, 0, column)) { $0 + values[$1] * weight(start, width, $1, column) }
                return cut ? max(0, sum) : sum
            }
        }
        let input = pass.inputs.map { Double($0) }
        let first = layer(input, 0, shape.firstBias, shape.first, cut: true)
        let second = layer(first, shape.secondWeights, shape.secondBias, shape.second, cut: true)
        let output = layer(second, shape.outputWeights, shape.outputBias, 16 * Network.Shape.outputBlocks, cut: false)
        for (place, value) in output.enumerated() { #expect((Double(pass.output[place / 16][place % 16]) - value).magnitude < 1e-4) }
    }

    @Test(arguments: [1, 2, 3] as [UInt64]) func `quantiles never cross for any weights`(seed: UInt64) throws {
        let (inputs, network) = (try filled(), anyNetwork(seed: seed, size: 3))
        var pass = Network.Pass(network.shape)
        network.run(inputs, &pass)
        for knot in NetworkInputs.knots.indices {
            let distances = network.distances(knot, pass)
            for level in 1..<ForecastShape.levels.count { #expect(distances[level] >= distances[level - 1]) }
            #expect(distances[ForecastShape.medianLevel] == 0)
        }
    }
}
