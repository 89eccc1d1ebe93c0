import Foundation
import Measures
import Psychrometrics
import Testing

@Suite struct MoistAirTests {
    // Dew points by the Magnus form with the coefficients of Alduchov and Eskridge, computed with glibc's functions.
    @Test(arguments: [(20.0, 50.0), (25, 60), (-10, 80), (0, 100), (35, 5)])
    func `the dew point follows the Magnus form`(celsius: Double, percent: Double) throws {
        let gamma = Foundation.log(percent / 100) + 17.625 * celsius / (243.04 + celsius)
        let expected = min(celsius, 243.04 * gamma / (17.625 - gamma))
        let dewPoint = try #require(MoistAir.dewPoint(of: Temperature(celsius: celsius), at: RelativeHumidity(percent: percent)))
        #expect(abs(dewPoint.celsius - expected) < 1e-9)
    }

    @Test func `air of 20 °C at 50 % has a dew point of 9.3 °C and holds 8.6 g of water per cubic metre`() throws {
        let (air, humidity) = (Temperature(celsius: 20), RelativeHumidity(percent: 50))
        #expect(abs(try #require(MoistAir.dewPoint(of: air, at: humidity)).celsius - 9.26) < 0.02)  // common psychrometric tables: 9.3
        #expect(abs(MoistAir.absoluteHumidity(of: air, at: humidity) - 8.63) < 0.05)
        #expect(abs(MoistAir.saturationPressure(at: air) - 2_339) < 10)  // WMO: 2338.8 Pa
    }

    // Goff–Gratch, as tabulated: Smithsonian Meteorological Tables (List 1951), 94 over water and 96 over ice, in hPa.
    @Test(arguments: [
        (-40.0, 0.1891), (-30, 0.5088), (-20, 1.2540), (-10, 2.8627), (0, 6.1078), (10, 12.272), (20, 23.373), (30, 42.430), (40, 73.777),
        (50, 123.40),
    ])
    func `saturation over water is within half a percent of the tables`(celsius: Double, hectopascals: Double) {
        #expect(abs(MoistAir.saturationPressure(at: Temperature(celsius: celsius)) / (100 * hectopascals) - 1) < 0.005)
    }

    @Test(arguments: [(-40.0, 0.1283), (-30, 0.3798), (-20, 1.0317), (-10, 2.5971), (0, 6.1071)])
    func `saturation over ice is within half a percent of the tables`(celsius: Double, hectopascals: Double) {
        #expect(abs(MoistAir.saturationPressure(overIceAt: Temperature(celsius: celsius)) / (100 * hectopascals) - 1) < 0.005)
    }

    // 85 % of 2.8627 hPa is 2.433 hPa: saturation over ice at −10.7 °C (between 2.597 at −10 and 2.376 at −11), over water at −12.0.
    @Test func `below freezing, the frost point is above the dew point`() throws {
        let (air, humidity) = (Temperature(celsius: -10), RelativeHumidity(percent: 85))
        #expect(abs(try #require(MoistAir.dewPoint(of: air, at: humidity)).celsius + 12.0) < 0.1)
        #expect(abs(try #require(MoistAir.condensationPoint(of: air, at: humidity)).celsius + 10.7) < 0.1)
        let mild = Temperature(celsius: 20)
        #expect(MoistAir.condensationPoint(of: mild, at: humidity) == MoistAir.dewPoint(of: mild, at: humidity))
        // At 0 °C both points are equal; a frost point is never above 0 °C.
        let edge = try #require(MoistAir.condensationPoint(of: Temperature(celsius: 5), at: RelativeHumidity(percent: 69)))
        #expect(edge.celsius <= 0 && edge.celsius > -0.3)
    }

    // WMO No. 8 (2018), annex 4.B: 23.39 hPa at 20 °C, 14.03 at 12 °C.
    @Test func `air of 20 °C at 50 % has 83 % at a wall of 12 °C, and 100 % at a wall that is at the dew point`() throws {
        let (air, humidity) = (Temperature(celsius: 20), RelativeHumidity(percent: 50))
        #expect(abs(MoistAir.vapourPressure(of: air, at: humidity) - 1_169.5) < 5)
        #expect(abs(MoistAir.humidity(at: Temperature(celsius: 12), of: air, at: humidity).percent - 100 * 11.695 / 14.03) < 0.2)
        #expect(MoistAir.humidity(at: air, of: air, at: humidity).percent == 50)
        let dewPoint = try #require(MoistAir.dewPoint(of: air, at: humidity))
        #expect(abs(MoistAir.humidity(at: dewPoint, of: air, at: humidity).percent - 100) < 1e-9)
    }

    @Test(arguments: [0.0, -3, .nan])
    func `without water there is no dew point`(percent: Double) {
        #expect(MoistAir.dewPoint(of: Temperature(celsius: 20), at: RelativeHumidity(percent: percent)) == nil)
    }

    @Test func `the dew point is never above the air temperature, even at or above saturation`() throws {
        for percent in [99.999, 100, 100.9] {
            let dewPoint = try #require(MoistAir.dewPoint(of: Temperature(celsius: 12), at: RelativeHumidity(percent: percent)))
            #expect(dewPoint.celsius <= 12)
        }
    }

    @Test func `exp and log agree with glibc over their range`() {
        for x in stride(from: -30.0, through: 30, by: 0.37) {
            #expect(abs(PortableMath.exp(x) / Foundation.exp(x) - 1) < 1e-13)
            #expect(abs(PortableMath.log(Foundation.exp(x)) - x) < 1e-12)
        }
        #expect(PortableMath.exp(-1e9) == 0)
        #expect(PortableMath.exp(1e9) == .infinity)
        #expect(PortableMath.log(-1).isNaN)
    }
}
