import Foundation
import Measures
import Psychrometrics
import Testing

/// Compared with Hukka and Viitanen (1999): the limits of growth and the times to first growth.
@Suite struct MouldIndexTests {
    private func grown(_ celsius: Double, _ percent: Double, days: Int, from start: MouldIndex = MouldIndex()) -> MouldIndex {
        var index = start
        for _ in 0..<(days * 144) { index.advance(Temperature(celsius: celsius), RelativeHumidity(percent: percent), for: .seconds(600)) }
        return index
    }

    @Test(arguments: [(0.5, 98.5), (5, 88.0), (10, 82.0), (20, 80.0), (35, 80.0)])
    func `mould grows only above the critical humidity`(celsius: Double, percent: Double) throws {
        let critical = try #require(MouldIndex.criticalHumidity(at: Temperature(celsius: celsius)))
        #expect(abs(critical.percent - percent) < 0.5)
        #expect(grown(celsius, critical.percent - 0.1, days: 100).value == 0)
        #expect(grown(celsius, min(100, critical.percent + 2), days: 400).value > 0)
    }

    @Test func `in frost and in heat the model gives no critical humidity, and the index stays unchanged`() {
        for celsius in [-5.0, 0, 50.1] {
            #expect(MouldIndex.criticalHumidity(at: Temperature(celsius: celsius)) == nil)
            #expect(grown(celsius, 100, days: 60).value == 0)
            let before = grown(25, 97, days: 60)
            #expect(grown(celsius, 40, days: 60, from: before).value == before.value)
        }
    }

    // Equation 2, computed by hand: exp(−0.68 ln 20 − 13.9 ln RH + 66.02).
    @Test(arguments: [(97.0, 1.48), (90, 4.2)])
    func `first growth starts at the time that the equation gives`(percent: Double, weeks: Double) {
        #expect(abs(MouldIndex.weeks(at: Temperature(celsius: 20), RelativeHumidity(percent: percent)).first - weeks) < 0.1)
        let days = Int((weeks * 7).rounded(.up))
        #expect(grown(20, percent, days: days + 2).value >= 1)
        #expect(grown(20, percent, days: days - 2).value < 1)
    }

    @Test func `the index stops at the maximum that the humidity allows, and never exceeds six`() {
        let share = (80.04 - 90) / (80.04 - 100)
        let most = 1 + 7 * share - 2 * share * share
        #expect(abs(grown(20, 90, days: 2_000).value - most) < 0.1)
        #expect(grown(30, 100, days: 2_000).value <= 6)
    }

    @Test func `in dry air the index falls for six hours, pauses until a day has passed, then falls half as fast`() {
        let grown = grown(25, 97, days: 60)
        func dried(hours: Int) -> Double {
            var index = grown
            for _ in 0..<hours { index.advance(Temperature(celsius: 20), RelativeHumidity(percent: 40), for: .seconds(3_600)) }
            return grown.value - index.value
        }
        #expect(abs(dried(hours: 6) - 6 * 0.00133) < 1e-9)
        #expect(abs(dried(hours: 24) - 6 * 0.00133) < 1e-9)
        #expect(abs(dried(hours: 48) - (6 * 0.00133 + 24 * 0.000667)) < 1e-9)
        var once = grown
        once.advance(Temperature(celsius: 20), RelativeHumidity(percent: 40), for: .seconds(24 * 3_600))
        #expect(abs(grown.value - once.value - dried(hours: 24)) < 1e-9)
    }

    @Test func `values that are not numbers change nothing`() {
        #expect(grown(.nan, 97, days: 10).value == 0)
        #expect(grown(20, .nan, days: 10).value == 0)
    }
}
