import LoggerFiles
import Measures
import Testing

/// A small export of a maker's logger or app, and what its first row means.
struct MakerExample: Sendable, CustomTestStringConvertible {
    let maker: String
    let text: String
    var zone = "Europe/Berlin"
    let first: (at: Int64, humidity: Double, temperature: Double?)  // seconds since 1970
    var rows = 2
    var testDescription: String { maker }

    // 2026-08-06 09:22:00 in Berlin is 07:22:00 UTC.
    private static let august = Int64(1_786_000_920)

    static let all: [MakerExample] = [
        MakerExample(
            maker: "Onset HOBOware",
            text: """
                \u{FEFF}"Plot Title: Vault 3"
                "#","Date Time, GMT-04:00","Temp, °F (LGR S/N: 10310520, SEN S/N: 10310520)","RH, % (LGR S/N: 10310520, SEN S/N: 10310520)","Host Connected (LGR S/N: 10310520)"
                1,08/06/26 03:22:00 AM,71.600,44.125,
                2,08/06/26 03:32:00 AM,71.780,44.250,Logged
                """, zone: "", first: (august, 44.125, 22)),
        MakerExample(
            maker: "Onset HOBOconnect",
            text: """
                #,Date-Time (CEST),Ch: 1 - Temperature   (°C),Ch: 2 - RH   (%),Dew Point   (°C)
                1,08/06/2026 09:22:00,21.47,31.80,4.01
                2,08/16/2026 09:37:00,21.34,31.74,3.88
                """, first: (august, 31.8, 21.47)),
        MakerExample(
            maker: "Testo ComSoft",
            text: """
                Messort: Archiv 2
                Start:;06.08.2026 09:22:00

                Datum/Uhrzeit;[°C] Temperatur;[%rF] Feuchte
                06.08.2026 09:22:00;22,3;48,1
                06.08.2026 09:37:00;22,4;48,0
                """, first: (august, 48.1, 22.3)),
        MakerExample(
            maker: "Gemini Tinytag Explorer",
            text: """
                Property\tValue
                Serial Number\t123456
                Record\tTime\tTemperature\tHumidity
                1\t06/08/2026 09:22:00\t23.407 °C\t44.7 %RH
                2\t16/08/2026 09:52:00\t23.411 °C\t44.9 %RH
                """, first: (august, 44.7, 23.407)),
        MakerExample(
            maker: "Lascar EasyLog",
            text: """
                Vault,Time,Celsius(°C),Humidity(%rh),Dew Point(°C),Serial Number
                1,2026-08-06 09:22:00,21.5,44.0,8.8,010112345
                2,2026-08-06 09:27:00,21.5,44.5,9.0
                """, first: (august, 44, 21.5)),
        MakerExample(
            maker: "Lascar EasyLog, older, in °F",
            text: """
                EasyLog USB,Time,Fahrenheit(°F),Humidity(%rh),Dew Point(°F),Serial Number
                1,06/08/2026 09:22:00,70.7,44.0,47.8,010112345
                2,13/08/2026 09:27:00,70.7,44.5,48.2
                """, first: (august, 44, 21.5)),
        MakerExample(
            maker: "Rotronic HW4",
            text: """
                HygroLog NT\tSN 60412345
                Date\tTime\tHumidity [%rh]\tTemperature [°C]
                06.08.2026\t09:22:00\t51.23\t20.94
                06.08.2026\t09:23:00\t51.30\t20.95
                """, first: (august, 51.23, 20.94)),
        MakerExample(
            maker: "Hanwell EMS",
            text: """
                Site,National Gallery
                Date/Time,Gallery 1 Humidity (%RH),Gallery 1 Temperature (°C)
                06/08/2026 09:22,52.1,20.6
                06/08/2026 09:37,52.4,20.6
                14/08/2026 09:37,,20.6
                """, first: (august, 52.1, 20.6)),
        MakerExample(
            maker: "Meaco",
            text: """
                Date,Time,RH%,Temp C
                06/08/2026,09:22:00,48.2,19.8
                16/08/2026,09:32:00,48.4,19.9
                """, first: (august, 48.2, 19.8)),
        MakerExample(
            maker: "Govee Home",
            text: """
                \u{FEFF}Timestamp for sample frequency every 1 min min,Temperature_Celsius,Relative_Humidity
                2026-08-06 09:22:00,21.5,44.0
                2026-08-06 09:23:00,21.4,44.1
                """, first: (august, 44, 21.5)),
        MakerExample(
            maker: "Govee Home, in °F",
            text: """
                Timestamp for sample frequency every 1 min min,Temperature_Fahrenheit,Relative_Humidity
                2026-08-06 09:22:00,70.7,44.0
                2026-08-06 09:23:00,70.9,44.1
                """, first: (august, 44, 21.5)),
        MakerExample(
            maker: "SensorPush",
            text: """
                Timestamp,Temperature (°F),Relative Humidity (%),Dew Point (°F),VPD (kPa)
                2026-08-06 09:22,70.7,44,47.7,1.43
                2026-08-06 09:23,70.9,44.1,47.9,1.44
                """, first: (august, 44, 21.5)),
        MakerExample(
            maker: "Ruuvi Station",
            text: """
                Date,Temperature (°C),Humidity (%),Air pressure (hPa),RSSI (dBm),Movements (Times)
                2026-08-06T09:22:00+0200,21.50,44.00,1008.10,-71,12
                2026-08-06T09:27:00+0200,21.51,44.10,1008.11,-72,12
                """, zone: "", first: (august, 44, 21.5)),
        MakerExample(
            maker: "ThermoPro",
            text: """
                Datetime,Temperature_Celsius,Humidity_Percent
                2026/08/06 09:22,21.5,44
                2026/08/06 09:23,21.5,45
                """, first: (august, 44, 21.5)),
        MakerExample(
            maker: "Xiaomi Mi Home",
            text: """
                time,temperature(℃),humidity(%)
                2026-08-06 09:00:00,21.5,44
                2026-08-06 10:00:00,21.5,45
                """, first: (august - 22 * 60, 44, 21.5)),
        MakerExample(
            maker: "Aranet",
            text: """
                Time(DD/MM/YYYY h:mm:ss A),Carbon dioxide(ppm),Temperature(°C),Relative humidity(%),Atmospheric pressure(hPa)
                06/08/2026 9:22:00 AM,612,"21,5","44","1008,4"
                06/08/2026 9:27:00 AM,613,"21,5","44,5","1008,4"
                """, first: (august, 44, 21.5)),
        MakerExample(
            maker: "InfluxDB and scripts, in seconds since 1970",
            text: """
                timestamp,humidity,temp_c
                1786000920,44,21.5
                1786001520,44.1,
                """, zone: "", first: (august, 44, 21.5)),
    ]
}

@Suite struct MakerTests {
    @Test(arguments: MakerExample.all)
    func `an export is read as its maker means it`(example: MakerExample) throws {
        let zone = example.zone.isEmpty ? nil : try TimeZoneRules(example.zone)
        let file = try LoggerFile(Array(example.text.utf8), options: LoggerFile.Options(zone: zone))
        let result = try file.read()
        #expect(result.problems == [])
        #expect(result.rows.count == example.rows, "\(file.layout)")
        let first = try #require(result.rows.first)
        #expect(first.takenAt.ms == example.first.at * 1_000, "\(first.takenAt.ms / 1_000) \(file.layout)")
        #expect(first.humidityPct == example.first.humidity)
        #expect(((first.temperatureC ?? -99) - (example.first.temperature ?? -99)).magnitude < 0.001, "\(first)")
    }

    /// Windows programs write the degree sign as one byte, or the whole file as UTF-16.
    @Test(arguments: ["Latin-1", "UTF-16"])
    func `other encodings are recognised`(encoding: String) throws {
        let example = MakerExample.all[4]
        let bytes: [UInt8] =
            encoding == "Latin-1"
            ? example.text.unicodeScalars.map { UInt8($0.value) }
            : [0xFF, 0xFE] + example.text.utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
        let file = try LoggerFile(bytes, options: LoggerFile.Options(zone: try TimeZoneRules("Europe/Berlin")))
        #expect(file.layout.encoding == encoding && file.layout.columns.contains("Celsius(°C)"))
        #expect(try file.read().rows.first?.takenAt.ms == example.first.at * 1_000)
    }
}
