internal import Bytes
package import Forecasting
package import Measures

/// A forecast encoded as small integers: about 1,100 bytes for 54 lead times.
///
/// Humidity in hundredths of a percent, temperature in hundredths of a degree. For each lead time: the seven levels, the climatology that the
/// forecast is scored against, the expected skill in whole percent, and the temperature. Version 1 had no skill.
package enum StoredForecast {
    private static let version: UInt8 = 2
    private static let none: Int16 = .min
    private static let noSkill: Int8 = .min

    package static func bytes(_ forecast: QuantileForecast) -> [UInt8] {
        var writer = ByteWriter(reserving: 32 + forecast.leadTimes.count * 21)
        writer.byte(version)
        writer.byte(forecast.method.rawValue)
        writer.byte(forecast.temperature == nil ? 0 : 1)
        writer.fixed(hundredths(forecast.now.percent))
        writer.byte(UInt8(forecast.leadTimes.count))
        for (lead, leadTime) in forecast.leadTimes.enumerated() {
            writer.varint(UInt64(leadTime.wholeSeconds / 600))
            for level in ForecastShape.levels.indices { writer.fixed(hundredths(forecast.humidity(lead: lead, level: level))) }
            writer.fixed(hundredths(forecast.climatology[lead]))
            writer.byte(UInt8(bitPattern: forecast.skill[lead].map { Int8((max(-1, min(1, $0)) * 100).rounded()) } ?? noSkill))
            if let temperature = forecast.temperature { writer.fixed(hundredths(temperature[lead])) }
        }
        return writer.bytes
    }

    /// Whether an encoded forecast has more lead times than a thinned one.
    static func isFull(_ bytes: [UInt8]) -> Bool { bytes.count > 5 && Int(bytes[5]) > ForecastShape.scored.count }

    /// - Parameter only: the only lead time to decode; for other lead times only the length is checked.
    package static func forecast(_ bytes: [UInt8], origin: Instant, only: Duration? = nil) throws -> QuantileForecast {
        var reader = ByteReader(bytes)
        let version = try reader.byte()
        guard version == 1 || version == Self.version, let method = QuantileForecast.Method(rawValue: try reader.byte()) else {
            throw MalformedBytes(at: 0, "a stored forecast of version 1 or \(Self.version)")
        }
        let hasTemperature = try reader.byte() == 1
        let now = value(try reader.fixed())
        var leadTimes: [Duration] = []
        var humidity: [Double] = []
        var temperature: [Double] = []
        var climatology: [Double] = []
        var skill: [Double?] = []
        let size = 2 * ForecastShape.levels.count + 2 + (version == 1 ? 0 : 1) + (hasTemperature ? 2 : 0)  // bytes of one lead time's values
        for _ in 0..<(try reader.byte()) {
            let leadTime: Duration = .seconds(600 * (try reader.count(upTo: 1_440)))
            if let only, leadTime != only {
                _ = try reader.raw(size)
                continue
            }
            leadTimes.append(leadTime)
            for _ in ForecastShape.levels { humidity.append(value(try reader.fixed())) }
            climatology.append(value(try reader.fixed()))
            let percent = version == 1 ? noSkill : Int8(bitPattern: try reader.byte())
            skill.append(percent == noSkill ? nil : Double(percent) / 100)
            if hasTemperature { temperature.append(value(try reader.fixed())) }
        }
        try reader.expectEnd()
        return QuantileForecast(
            origin: origin, leadTimes: leadTimes, humidity: humidity, temperature: hasTemperature ? temperature : nil,
            climatology: climatology, skill: skill, now: RelativeHumidity(percent: now), method: method)
    }

    /// The forecast with only the lead times that are kept longer than 6 days.
    package static func thinned(_ forecast: QuantileForecast) -> QuantileForecast {
        let kept = forecast.leadTimes.indices.filter { ForecastShape.scored.contains(forecast.leadTimes[$0]) }
        return QuantileForecast(
            origin: forecast.origin, leadTimes: kept.map { forecast.leadTimes[$0] },
            humidity: kept.flatMap { lead in ForecastShape.levels.indices.map { forecast.humidity(lead: lead, level: $0) } },
            temperature: forecast.temperature.map { temperature in kept.map { temperature[$0] } },
            climatology: kept.map { forecast.climatology[$0] }, skill: kept.map { forecast.skill[$0] }, now: forecast.now, method: forecast.method)
    }

    private static func hundredths(_ value: Double) -> Int16 {
        guard value.magnitude < 320 else { return none }  // NaN too
        return Int16((value * 100).rounded())
    }
    private static func value(_ hundredths: Int16) -> Double { hundredths == none ? .nan : Double(hundredths) / 100 }
}
