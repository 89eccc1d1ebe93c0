internal import Glibc
internal import Runtime
internal import Synchronization
internal import Text

/// Reads a sensor through a program that prints one line per reading, for sensors that vaho-edge has no driver for. The program may run forever
/// at its own pace, or print one line and end: then the program is started again each period. The program inherits standard error.
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
    private var lastLineAt: ContinuousClock.Instant?  // when the last line was returned
    private var hasPrintedLine = false  // the program has printed a line since its start
    private var chunk = [UInt8](repeating: 0, count: CommandSensor.limit)
    private var text: [UInt8] = []  // bytes read but not returned yet
    private var isTooLong = false  // the unfinished line is too long: its rest is discarded

    /// The shortest time between two readings. A line that arrives sooner replaces the line before it.
    static let minimumSpacing: Duration = .seconds(1)
    static let silenceTimeout: Duration = .seconds(600)
    private static let limit = 4_096  // bytes in `text`
    private static let maximumDrainBytes = 262_144  // bytes per `drain`: more than a pipe holds

    package init(_ command: String, period: Duration) {
        self.command = command
        self.period = period
        identity = SensorIdentity(
            kind: "command", driver: String(command.prefix(100)), pace: .selfPaced, readTimeout: Self.silenceTimeout + period * 2 + .seconds(60))
    }

    /// Waits for a line and returns the newest one.
    package func read() throws -> Sample? {
        while !isStopped {
            if let lastLineAt, .now - lastLineAt < Self.minimumSpacing {
                usleep(50_000)  // limits the rate of a program that prints without pause
                continue
            }
            let child = try runningChild()
            let mayHaveMore = drain(child)
            if let line = try newestLine() {
                (hasPrintedLine, lastLineAt) = (true, .now)
                return try PrintedReading.sample(line)
            }
            if !mayHaveMore { try handleEnd(child) }
            let since = max(startedAt ?? .now, lastLineAt ?? startedAt ?? .now)
            if .now - since > Self.silenceTimeout {
                _ = detachChild()?.end()
                throw SensorError(
                    "the command printed nothing for \(Self.silenceTimeout.components.seconds) s: ended, restarting", isTransient: true)
            }
        }
        _ = detachChild()?.end()
        throw CancellationError()
    }

    /// Kills the program at once and does not start it again. A program that prints each line when it measures loses no reading.
    package nonisolated func stop() {
        state.withLock { state in
            state.isStopped = true
            state.child?.kill()
        }
    }

    private var isStopped: Bool { state.withLock { $0.isStopped } }

    private func runningChild() throws -> ChildProcess {
        if let running = state.withLock({ $0.child }) { return running }
        // A program that prints a line and ends is started once per period.
        while let startedAt, hasPrintedLine, .now - startedAt < period, !isStopped { usleep(100_000) }
        let started: ChildProcess
        do {
            started = try state.withLock { state in
                guard !state.isStopped else { throw CancellationError() }
                let child = try ChildProcess(command)
                state.child = child
                return child
            }
        } catch let error as FileError { throw SensorError("\(error)") }
        (startedAt, hasPrintedLine, text, isTooLong) = (.now, false, [], false)
        return started
    }

    private func detachChild() -> ChildProcess? {
        state.withLock { state in
            defer { state.child = nil }
            return state.child
        }
    }

    private func handleEnd(_ child: ChildProcess) throws {
        _ = detachChild()
        let code = child.end()
        let rest = PrintableText.line(String(decoding: text.prefix(80), as: UTF8.self))
        if code != 0 { throw SensorError("the command ended with code \(code)\(rest.isEmpty ? "" : ", after «\(rest)»")", isTransient: true) }
        if !hasPrintedLine {
            throw SensorError("the command ended without a line\(rest.isEmpty ? "" : ": «\(rest)» has no line break")", isTransient: true)
        }
    }

    /// Waits up to 250 ms for output and reads all available output.
    /// - Returns: whether more output may follow.
    private func drain(_ child: ChildProcess) -> Bool {
        var waited = pollfd(fd: child.output, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&waited, 1, 250) > 0 else { return true }
        for _ in 0..<(Self.maximumDrainBytes / Self.limit) {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(child.output, $0.baseAddress, $0.count) }
            guard count > 0 else { return count < 0 && [EINTR, EAGAIN].contains(errno) }
            text += chunk[..<count]
            // If too much output arrived, keep only its end: the newest line is there.
            if text.count > Self.limit { text.removeFirst(text.count - Self.limit) }
        }
        return true
    }

    /// The newest complete line that is neither blank nor a comment. Consumes all complete lines.
    private func newestLine() throws(SensorError) -> String? {
        guard let end = text.lastIndex(of: 10) else {
            guard text.count > PrintedReading.limit else { return nil }
            text = []
            isTooLong = true
            throw SensorError("the command printed a line of more than \(PrintedReading.limit) bytes")
        }
        var lines = text[..<end].split(separator: 10, omittingEmptySubsequences: false)
        text.removeFirst(end + 1)
        if isTooLong { lines.removeFirst() }  // the rest of the line that was too long
        isTooLong = false
        guard let line = lines.last(where: { line in line.contains { $0 > 32 } && line.first != UInt8(ascii: "#") }) else {
            usleep(50_000)  // limits the rate of a program that prints only comments
            return nil
        }
        guard line.count <= PrintedReading.limit else { throw SensorError("the command printed a line of more than \(PrintedReading.limit) bytes") }
        return String(decoding: line, as: UTF8.self)
    }
}
