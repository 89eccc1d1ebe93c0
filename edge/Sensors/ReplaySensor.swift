package import Measures
internal import Observing
internal import Runtime
internal import Text

/// A recorded series, row by row. It has its own times; the sampler waits until the replay's clock shows them.
package actor ReplaySensor: Sensor {
    private let executor = BlockingExecutor(label: "replay-sensor")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    package nonisolated let identity: SensorIdentity
    private let lines: LineReader
    private let format: SeriesCSV
    private let startingAfter: Instant?
    private var newest: Instant?

    /// - Parameter startingAfter: rows up to then are passed over: a restart goes on where the log ends.
    package init(path: String, startingAfter: Instant?) throws {
        let preview = try ReplaySensor.preview(path)
        lines = try LineReader(path: path)
        guard let header = try lines.next() else { throw SensorError("\(path) is empty") }
        do { format = try SeriesCSV(header: header) } catch { throw SensorError("\(path): \(error)") }
        self.startingAfter = startingAfter
        let name = path.split(separator: "/").last.map(String.init) ?? path
        let start = startingAfter.map { max($0, preview.startsAt) } ?? preview.startsAt
        identity = SensorIdentity(kind: "replay", driver: name, spacing: preview.spacing, startsAt: start, pace: .recorded)
    }

    package func read() throws -> Sample? {
        while let text = try lines.next() {
            guard !text.isEmpty else { continue }
            let row: SeriesCSV.Row
            do { row = try format.row(text, line: lines.line) } catch { throw SensorError("\(lines.path): \(error)") }
            let takenAt = Instant(ms: row.takenAtMs)
            guard Instant.valid.contains(takenAt) else { throw SensorError("\(lines.path): line \(lines.line): the time is out of range") }
            if let startingAfter, takenAt <= startingAfter { continue }
            if let newest, takenAt <= newest { throw SensorError("\(lines.path): line \(lines.line): the time is not after the line's before") }
            newest = takenAt
            guard row.humidityPct != nil || row.temperatureC != nil else { continue }
            let humidity = row.humidityPct.flatMap(Milli.whole)
            guard humidity != nil || row.humidityPct == nil else {
                throw SensorError("\(lines.path): line \(lines.line): a humidity of \(row.humidityPct ?? 0) % fits nowhere")
            }
            var flags: ReadingFlags = .replayed
            if let humidity, QualityControl.isImpossible(humidityMpct: humidity) { flags.insert(.impossible) }
            return Sample(humidityMpct: humidity, temperatureMc: row.temperatureC.flatMap(Milli.whole), flags: flags, takenAt: takenAt)
        }
        return nil
    }

    /// The first time and the median spacing of the first rows.
    private static func preview(_ path: String) throws -> (startsAt: Instant, spacing: Duration) {
        let lines = try LineReader(path: path)
        guard let header = try lines.next() else { throw SensorError("\(path) is empty") }
        let format: SeriesCSV
        do { format = try SeriesCSV(header: header) } catch { throw SensorError("\(path): \(error)") }
        var times: [Instant] = []
        while times.count < 200 {
            let text: String?
            do { text = try lines.next() } catch { continue }  // a line too long: told when it is read
            guard let text else { break }
            guard let row = try? format.row(text, line: lines.line) else { continue }
            let takenAt = Instant(ms: row.takenAtMs)
            if Instant.valid.contains(takenAt) { times.append(takenAt) }
        }
        guard let first = times.min() else { throw SensorError("\(path) has no row with a time") }
        return (first, TimeGrid(takenAt: times).step)
    }
}
