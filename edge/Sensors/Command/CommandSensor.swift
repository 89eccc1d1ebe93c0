internal import Glibc
internal import Runtime
internal import Synchronization

/// A program that prints a line a reading: the bridge to whatever has no driver here. It may go on for ever, at its own pace, or
/// print one line and end; then it is started again each period. Its standard error goes where this program's goes.
package actor CommandSensor: Sensor {
    private let executor = BlockingExecutor(label: "command-sensor")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    package nonisolated let identity: SensorIdentity
    private let command: String
    private let period: Duration
    private nonisolated let child = Mutex<ChildProcess?>(nil)
    private var startedAt: ContinuousClock.Instant?
    private var spokeAt: ContinuousClock.Instant?  // of the last line that was given out
    private var hasSpoken = false  // since it was started
    private var chunk = [UInt8](repeating: 0, count: CommandSensor.limit)
    private var text: [UInt8] = []  // read and not yet given out
    private var isTooLong = false  // the line at its end: the rest of it is left out

    /// Of the time between two readings: what comes sooner replaces what came before it.
    static let leastSpacing: Duration = .seconds(1)
    static let longestSilence: Duration = .seconds(600)
    private static let limit = 4_096  // bytes that wait
    private static let mostTaken = 262_144  // bytes at a time: more than a pipe holds

    package init(_ command: String, period: Duration) {
        self.command = command
        self.period = period
        identity = SensorIdentity(
            kind: "command", driver: String(command.prefix(100)), pace: .spoken, patience: Self.longestSilence + period * 2 + .seconds(60))
    }

    /// The newest line, waited for.
    package func read() throws -> Sample? {
        while !Task.isCancelled {
            if let spokeAt, .now - spokeAt < Self.leastSpacing {
                usleep(50_000)  // whoever prints without end waits, too
                continue
            }
            let child = try running()
            let isOpen = drain(child)
            if let line = try newestLine() {
                guard let sample = try taken(line) else { continue }
                return sample
            }
            if !isOpen { try ended(child) }
            let since = max(startedAt ?? .now, spokeAt ?? startedAt ?? .now)
            if .now - since > Self.longestSilence {
                _ = forget()?.end()
                throw SensorError(
                    "the command said nothing for \(Self.longestSilence.components.seconds) s: ended, to be started again", isPassing: true)
            }
        }
        _ = forget()?.end()
        throw CancellationError()
    }

    package nonisolated func stop() { child.withLock { $0 }?.stop() }

    private func running() throws -> ChildProcess {
        if let running = child.withLock({ $0 }) { return running }
        // One that prints a line and ends is started once a period.
        while let startedAt, hasSpoken, .now - startedAt < period, !Task.isCancelled { usleep(100_000) }
        let started: ChildProcess
        do { started = try ChildProcess(command) } catch { throw SensorError("\(error)") }
        (startedAt, hasSpoken, text, isTooLong) = (.now, false, [], false)
        child.withLock { $0 = started }
        return started
    }

    private func forget() -> ChildProcess? {
        child.withLock { child in
            defer { child = nil }
            return child
        }
    }

    private func ended(_ child: ChildProcess) throws {
        _ = forget()
        let code = child.end()
        let rest = String(decoding: text.prefix(80), as: UTF8.self)
        if code != 0 { throw SensorError("the command ended with code \(code)\(rest.isEmpty ? "" : ", after «\(rest)»")", isPassing: true) }
        if !hasSpoken { throw SensorError("the command ended without a line\(rest.isEmpty ? "" : ": «\(rest)» has no line break")", isPassing: true) }
    }

    /// Waits a little for output and takes what there is.
    /// - Returns: whether more may come.
    private func drain(_ child: ChildProcess) -> Bool {
        var waited = pollfd(fd: child.output, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&waited, 1, 250) > 0 else { return true }
        for _ in 0..<(Self.mostTaken / Self.limit) {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(child.output, $0.baseAddress, $0.count) }
            guard count > 0 else { return count < 0 && [EINTR, EAGAIN].contains(errno) }
            text += chunk[..<count]
            // A flood: only its end can hold the newest line.
            if text.count > Self.limit { text.removeFirst(text.count - Self.limit) }
        }
        return true
    }

    /// The last whole line; it stays until it is taken.
    private func newestLine() throws(SensorError) -> String? {
        guard let end = text.lastIndex(of: 10) else {
            guard text.count > SpokenReading.limit else { return nil }
            text = []
            isTooLong = true
            throw SensorError("the command printed a line of more than \(SpokenReading.limit) bytes")
        }
        let start = text[..<end].lastIndex(of: 10).map { $0 + 1 } ?? 0
        if isTooLong, start == 0 {  // the rest of what was too long
            text.removeFirst(end + 1)
            isTooLong = false
            return nil
        }
        return String(decoding: text[start..<end], as: UTF8.self)
    }

    /// - Returns: `nil` for a blank line and for a comment.
    private func taken(_ line: String) throws(SensorError) -> Sample? {
        if let end = text.lastIndex(of: 10) { text.removeFirst(end + 1) }
        hasSpoken = true
        guard line.utf8.contains(where: { $0 > 32 }), line.utf8.first != UInt8(ascii: "#") else { return nil }
        spokeAt = .now
        guard line.utf8.count <= SpokenReading.limit else {
            throw SensorError("the command printed a line of more than \(SpokenReading.limit) bytes")
        }
        return try SpokenReading.sample(line)
    }
}
