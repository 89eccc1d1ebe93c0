package import Measures
internal import Observing
internal import Runtime
internal import Text

/// A recorded series, read row by row. Each row has its own time; the sampler waits until the replay clock reaches that time.
///
/// Rows may be out of order within a window. Of several rows with the same time, the first is used.
package actor ReplaySensor: Sensor {
    private let executor = BlockingExecutor(label: "replay-sensor")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    package nonisolated let identity: SensorIdentity
    private let lines: LineReader
    private let format: SeriesCSV
    private let startingAfter: Instant?
    private var newest: Instant?  // newest time of the returned rows
    private var window: [Entry] = []  // rows read ahead: a heap, earliest first
    private var isAtEnd = false
    private var lastAtMs = Int64.min  // time of the last row read
    private var repeatedLine: Int?  // a line that was skipped because an earlier line has the same time

    /// A row or an error. An error has no time: it is sorted by the time of the row before it.
    private struct Entry {
        let atMs: Int64
        let line: Int
        let row: Result<SeriesCSV.Row, SensorError>
        func precedes(_ other: Entry) -> Bool { (atMs, line) < (other.atMs, other.line) }
    }

    /// Rows read ahead for sorting: enough for a day of minutes that is out of order, or a file of some weeks that begins with its newest
    /// row.
    private static let windowRows = 4_096

    /// - Parameter startingAfter: rows up to this time are skipped, so that a restart continues after the newest reading in the log.
    package init(path: String, startingAfter: Instant?) throws {
        let preview = try ReplaySensor.preview(path)
        (lines, format) = try ReplaySensor.open(path)
        self.startingAfter = startingAfter
        let name = path.split(separator: "/").last.map(String.init) ?? path
        let start = startingAfter.map { max($0, preview.startsAt) } ?? preview.startsAt
        identity = SensorIdentity(kind: "replay", driver: name, spacing: preview.spacing, startsAt: start, pace: .recorded)
    }

    private static func open(_ path: String) throws -> (LineReader, SeriesCSV) {
        let lines = try LineReader(path: path)
        guard let header = try lines.next() else { throw SensorError("\(path) is empty") }
        do { return (lines, try SeriesCSV(header: header)) } catch { throw SensorError("\(path): \(error)") }
    }

    package func read() throws -> Sample? {
        while let entry = try nextInOrder() {
            let row = try entry.row.get()
            let takenAt = Instant(ms: row.takenAtMs)
            if let newest, takenAt < newest {
                throw SensorError(
                    "\(lines.path): line \(entry.line): the time is before the time of rows more than \(ReplaySensor.windowRows) lines earlier: "
                        + "sort the file by time", isFinal: true)
            }
            if takenAt == newest {
                repeatedLine = repeatedLine ?? entry.line
                continue
            }
            newest = takenAt
            guard row.humidityPct != nil || row.temperatureC != nil else { continue }
            let humidity = row.humidityPct.flatMap(Milli.rounded)
            guard humidity != nil || row.humidityPct == nil else {
                throw SensorError("\(lines.path): line \(entry.line): a humidity of \(row.humidityPct ?? 0) % is out of range")
            }
            var flags: ReadingFlags = .replayed
            if let humidity, QualityControl.isImpossible(humidityMpct: humidity) { flags.insert(.impossible) }
            defer { repeatedLine = nil }
            return Sample(
                humidityMpct: humidity, temperatureMc: row.temperatureC.flatMap(Milli.rounded), flags: flags, takenAt: takenAt,
                droppedValueNote: row.droppedValueNote ?? repeatedLine.map { "line \($0): an earlier line has the same time" })
        }
        return nil
    }

    /// The earliest remaining row within the window.
    private func nextInOrder() throws -> Entry? {
        while !isAtEnd, window.count < ReplaySensor.windowRows {
            guard let text = try ReplaySensor.line(of: lines) else {
                isAtEnd = true
                break
            }
            guard !text.isEmpty else { continue }
            let row = row(text)
            if case .success(let read) = row {
                lastAtMs = read.takenAtMs
                if let startingAfter, Instant(ms: read.takenAtMs) <= startingAfter { continue }
            }
            push(Entry(atMs: lastAtMs, line: lines.line, row: row))
        }
        return pop()
    }

    private func row(_ text: String) -> Result<SeriesCSV.Row, SensorError> {
        do throws(SeriesCSV.Malformed) {
            let row = try format.row(text, line: lines.line)
            guard Instant.valid.contains(Instant(ms: row.takenAtMs)) else {
                return .failure(SensorError("\(lines.path): line \(lines.line): the time is out of range"))
            }
            return .success(row)
        } catch { return .failure(SensorError("\(lines.path): \(error)")) }
    }

    /// - Throws: a final `SensorError` if the file cannot be read any further. A line that is too long throws a `SensorError` that is not
    ///   final.
    private static func line(of lines: LineReader) throws -> String? {
        do throws(FileError) { return try lines.next() } catch {
            throw SensorError("\(error)", isFinal: !error.isTooLarge)
        }
    }

    // MARK: a binary heap

    private func push(_ entry: Entry) {
        window.append(entry)
        var index = window.count - 1
        while index > 0, window[index].precedes(window[(index - 1) / 2]) {
            window.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    private func pop() -> Entry? {
        guard let first = window.first, let last = window.popLast() else { return nil }
        guard !window.isEmpty else { return first }
        window[0] = last
        var index = 0
        while true {
            let (left, right) = (2 * index + 1, 2 * index + 2)
            var smallest = index
            if left < window.count, window[left].precedes(window[smallest]) { smallest = left }
            if right < window.count, window[right].precedes(window[smallest]) { smallest = right }
            guard smallest != index else { return first }
            window.swapAt(index, smallest)
            index = smallest
        }
    }

    /// The earliest time of the first window, and the time grid step from the median spacing of the first 200 rows.
    private static func preview(_ path: String) throws -> (startsAt: Instant, spacing: Duration) {
        let (lines, format) = try open(path)
        var times: [Instant] = []
        var problem: SeriesCSV.Malformed?  // error of the first unreadable row
        while times.count < windowRows {
            let text: String?
            do throws(FileError) { text = try lines.next() } catch {
                guard error.isTooLarge else { throw error }
                continue  // reported when the line is read
            }
            guard let text else { break }
            guard !text.isEmpty else { continue }
            do throws(SeriesCSV.Malformed) {
                let takenAt = Instant(ms: try format.row(text, line: lines.line).takenAtMs)
                if Instant.valid.contains(takenAt) { times.append(takenAt) }
            } catch { problem = problem ?? error }
        }
        // Rows from 1970 among later rows come from a reset of the logger's clock, so they are not the start of the recording.
        guard let first = times.filter({ $0 >= Instant.earliestPlausible }).min() ?? times.min() else {
            throw SensorError(problem.map { "\(path): \($0)" } ?? "\(path) has no row with a time")
        }
        return (first, TimeGrid(takenAt: times.prefix(200)).step)
    }
}
