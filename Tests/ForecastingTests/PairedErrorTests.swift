import Examples
@testable import Forecasting
import Measures
import Observing
import Testing

@Suite struct PairedErrorTests {
    private func observation(_ bin: Int, on grid: TimeGrid) -> Observation {
        Observation(
            validAt: Instant(ms: 1_600_000_200_000 + Int64(bin) * grid.step.ms),
            humidity: RelativeHumidity(percent: 50 + Double(bin * bin % 31) + Double(bin / 7 % 13)), temperature: Temperature(celsius: 18))
    }

    @Test(arguments: [TimeGrid.fine, .hourly]) func `the rival in the shadow forecasts exactly as if it were in use`(grid: TimeGrid) {
        let (network, other) = (anyNetwork(seed: 1, size: 0.05), anyNetwork(seed: 2, size: 0.05))
        var both = AdaptiveForecaster(grid: grid, network: network, rival: other)
        var turned = AdaptiveForecaster(grid: grid, network: other, rival: network)
        var alone = AdaptiveForecaster(grid: grid, network: network)
        var compared: Set<Duration> = []
        for bin in 0..<(6 * 86_400_000 / Int(grid.step.ms)) {
            let next = observation(bin, on: grid)
            both.observe(next)
            turned.observe(next)
            alone.observe(next)
            #expect(both.pairedErrors.map(\.error) == turned.pairedErrors.map(\.rivalError))
            #expect(both.pairedErrors.map(\.rivalError) == turned.pairedErrors.map(\.error))
            #expect(both.pairedErrors.map(\.persistenceError) == turned.pairedErrors.map(\.persistenceError))
            #expect(alone.pairedErrors.isEmpty)
            compared.formUnion(both.pairedErrors.map(\.leadTime))
        }
        #expect(both.forecast() == alone.forecast(), "the rival does not change the forecasts")
        #expect(compared == Set(PairedError.leadTimes))
        #expect(both.forecast() != turned.forecast())
    }
}
