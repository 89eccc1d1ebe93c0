internal import Glibc
internal import Runtime
internal import Synchronization
internal import Text

/// A program that prints a line a reading: the bridge to whatever has no driver here. It may go on for ever, at its own pace, or
/// print one line and end; then it is started again each period. Its standard error goes where this program's goes.
package actor CommandSensor: Sensor {
    private let executor = BlockingExecutor(label: "command-sensor")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    package nonisolated let identity: SensorIdentity
    private let command: String
    private let period: Duration
    private nonisolated let state = Mutex(State())
    private struct State {
        var child: ChildProcess?
        var isStopped = false
    }

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
        while !isStopped {
            if let spokeAt, .now - spokeAt < Self.leastSpacing {
                usleep(50_000)  // whoever prints without end waits, too
                continue
            }
            let child = try running()
            let isOpen = drain(child)
            if let line = try newestLine() {
                (hasSpoken, spokeAt) = (true, .now)
                return try SpokenReading.sample(line)
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

    /// The program is ended at once, and not started again. It had all the time to say what it had to say.
    package nonisolated func stop() {
        state.withLock { state in
            state.isStopped = true
            state.child?.kill()
        }
    }

    private var isStopped: Bool { state.withLock { $0.isStopped } }

    private func running() throws -> ChildProcess {
        if let running = state.withLock({ $0.child }) { return running }
        // One that prints a line and ends is started once a period.
        while let startedAt, hasSpoken, .now - startedAt < period, !isStopped { usleep(100_000) }
        let started: ChildProcess
        do {
            started = try state.withLock { state in
                guard !state.isStopped else { throw CancellationError() }
                let child = try ChildProcess(command)
                state.child = child
                return child
            }
        } catch let error as FileError { throw SensorError("\(error)") }
        (startedAt, hasSpoken, text, isTooLong) = (.now, false, [], false)
        return started
    }

    private func forget() -> ChildProcess? {
        state.withLock { state in
            defer { state.child = nil }
            return state.child
        }
    }

    private func ended(_ child: ChildProcess) throws {
        _ = forget()
        let code = child.end()
        let rest = PrintableText.line(String(decoding: text.prefix(80), as: UTF8.self))
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

    /// The newest whole line that says something: neither blank nor a comment. All whole lines are taken.
    private func newestLine() throws(SensorError) -> String? {
        guard let end = text.lastIndex(of: 10) else {
            guard text.count > SpokenReading.limit else { return nil }
            text = []
            isTooLong = true
            throw SensorError("the command printed a line of more than \(SpokenReading.limit) bytes")
        }
        var lines = text[..<end].split(separator: 10, omittingEmptySubsequences: false)
        text.removeFirst(end + 1)
        if isTooLong { lines.removeFirst() }  // the rest of what was too long
        isTooLong = false
        guard let line = lines.last(where: { line in line.contains { $0 > 32 } && line.first != UInt8(ascii: "#") }) else {
            usleep(50_000)  // comments without end wait, too
            return nil
        }
        guard line.count <= SpokenReading.limit else { throw SensorError("the command printed a line of more than \(SpokenReading.limit) bytes") }
        return String(decoding: line, as: UTF8.self)
    }
}
