internal import Bytes
internal import Measures

/// Daily scores as bytes: the count as varint, then each score.
extension DailyScore {
    static func write(_ scores: [DailyScore], to writer: inout ByteWriter) {
        writer.varint(UInt64(scores.count))
        for score in scores {
            writer.text(score.sensor.name)
            writer.varint(score.releaseCounter)
            for value in [
                score.day, score.leadTimeSeconds, score.count, score.absoluteErrorMpct, score.persistenceErrorMpct, score.climatologyErrorMpct,
                score.pinballMpct, score.covered,
            ] { writer.zigzag(value) }
            writer.byte(score.comparison == nil ? 0 : 1)
            guard let comparison = score.comparison else { continue }
            writer.varint(comparison.rivalCounter)
            for value in [comparison.count, comparison.errorMpct, comparison.rivalErrorMpct] { writer.zigzag(value) }
        }
    }

    static func list(_ reader: inout ByteReader) throws(MalformedBytes) -> [DailyScore] {
        var scores: [DailyScore] = []
        for _ in 0..<(try reader.count(upTo: DailyScore.reportLimit)) {
            let start = reader.offset
            guard let sensor = SensorName(try reader.text(limit: 32)) else {
                throw MalformedBytes(at: start, "a sensor's name is \(SensorName.syntax)")
            }
            let release = try reader.varint()
            var values: [Int64] = []
            for _ in 0..<8 { values.append(try reader.zigzag()) }
            var comparison: Comparison?
            if try reader.byte() == 1 {
                comparison = Comparison(
                    rivalCounter: try reader.varint(), count: try reader.zigzag(), errorMpct: try reader.zigzag(), rivalErrorMpct: try reader.zigzag()
                )
            }
            let score = DailyScore(
                sensor: sensor, day: values[0], releaseCounter: release, leadTimeSeconds: values[1], count: values[2], absoluteErrorMpct: values[3],
                persistenceErrorMpct: values[4], climatologyErrorMpct: values[5], pinballMpct: values[6], covered: values[7], comparison: comparison)
            guard score.isPlausible else { throw MalformedBytes(at: start, "a daily score is out of range") }
            scores.append(score)
        }
        return scores
    }
}
