import Measures
import Simulation
import Testing

@Suite struct SimulatedAirTests {
    private let hours = (0..<2_000).map { Instant(ms: 1_700_000_000_000 + Int64($0) * 3_600_000) }

    @Test(arguments: SimulatedAir.Setting.allCases)
    func `the same seed gives the same air, and another seed gives other air`(setting: SimulatedAir.Setting) {
        func air(_ seed: UInt64) -> [RelativeHumidity] { hours.map { SimulatedAir(setting, seed: seed).air(at: $0).humidity } }
        #expect(air(7) == air(7))
        #expect(air(7) != air(8))
    }

    @Test(arguments: SimulatedAir.Setting.allCases)
    func `simulated humidity stays within 0 to 100 % and changes`(setting: SimulatedAir.Setting) {
        let air = hours.map { SimulatedAir(setting, seed: 3).air(at: $0).humidity.percent }
        #expect(air.allSatisfy { (0...100).contains($0) })
        #expect((air.max() ?? 0) - (air.min() ?? 0) > 5)
    }
}
