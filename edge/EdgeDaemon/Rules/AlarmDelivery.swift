internal import Glibc
internal import HTTPClient
internal import Measures
internal import Runtime

/// Tells alarms to a command and a webhook, the oldest first, until each has taken it: offline they wait in the store.
actor AlarmDelivery: Service {
    private enum Target: CaseIterable { case command, webhook }
    private struct Refused: Error, CustomStringConvertible {
        let description: String
        var isFinal = false
    }

    nonisolated let hasTargets: Bool
    private let device: DeviceID
    private let command: String?
    private let webhook: String?
    private let client: HTTPClient
    private let store: ReadingStore
    private let firstPause: Duration
    private let log: Log
    private let woken = Inbox<Void>(limit: 1)
    private let shell = AlarmCommand()
    private var unstored: [Alarm] = []  // that the store did not take
    private var done: Set<Target> = []  // of the alarm that is being told

    private static let longestPause: Duration = .seconds(900)
    private static let unstoredLimit = 100
    private static let finalTries = 3

    init(
        device: DeviceID, command: String?, webhook: String?, client: HTTPClient, store: ReadingStore, firstPause: Duration = .seconds(5), log: Log
    ) {
        self.device = device
        self.command = command
        self.webhook = webhook
        self.client = client
        self.store = store
        self.firstPause = firstPause
        self.log = log
        hasTargets = command != nil || webhook != nil
    }

    /// - Parameter unstored: an alarm that the store could not keep.
    func wake(unstored alarm: Alarm? = nil) {
        if let alarm, hasTargets, unstored.count < AlarmDelivery.unstoredLimit { unstored.append(alarm) }
        _ = woken.put(())
    }

    func run() async throws {
        _ = woken.put(())  // what the last run has left
        while await !woken.takeAll().isEmpty {
            while let (name, alarm) = try await next() {
                try await tell(alarm)
                done = []
                if let name { await settle(name) } else { unstored.removeFirst() }
            }
        }
        throw CancellationError()
    }

    private func next() async throws -> (name: String?, alarm: Alarm)? {
        guard hasTargets else { return nil }
        if let alarm = unstored.first { return (nil, alarm) }
        do { return try await store.untoldAlarm().map { ($0.name, $0.alarm) } } catch {
            log(.error, "alarms cannot be read from the store", ["error": "\(error)"])
            return nil
        }
    }

    /// Told, but not noted as told, it is told again: rather twice than never.
    private func settle(_ name: String) async {
        while !Task.isCancelled {
            do { return try await store.told(name) } catch {
                log(.warning, "alarm told, the store does not take that yet", ["error": "\(error)"])
                try? await Task.sleep(for: AlarmDelivery.longestPause)
            }
        }
    }

    private func tell(_ alarm: Alarm) async throws {
        var pause = firstPause
        var refusals = 0
        while true {
            do { return try await tellOnce(alarm) } catch is CancellationError { throw CancellationError() } catch {
                try Task.checkCancellation()
                refusals += (error as? Refused)?.isFinal == true ? 1 : 0
                if refusals >= AlarmDelivery.finalTries {
                    return log(.error, "alarm not told: refused for good", ["rule": alarm.rule, "sensor": alarm.sensor, "error": "\(error)"])
                }
                log(
                    .warning, "alarm not told yet",
                    ["rule": alarm.rule, "sensor": alarm.sensor, "error": "\(error)", "retry_s": pause.components.seconds])
                try await Task.sleep(for: pause)
                pause = min(AlarmDelivery.longestPause, pause * 2)
            }
        }
    }

    /// One that has taken it is not told again because the other has not.
    private func tellOnce(_ alarm: Alarm) async throws {
        if let command, !done.contains(.command) {
            let code = try await shell.run(command, environment: alarm.environment)
            guard code == 0 else { throw Refused(description: "the command ended with code \(code)") }
            done.insert(.command)
        }
        if let webhook, !done.contains(.webhook) {
            let response = try await client.send(
                HTTPClient.Request(
                    method: "POST", url: webhook, headers: [("Content-Type", "application/json")], body: alarm.json(device: device)))
            guard (200..<300).contains(response.status) else {
                // 408, 425 and 429 say to come again; the other 4xx that it is no use.
                throw Refused(
                    description: "the webhook answered \(response.status)",
                    isFinal: (400..<500).contains(response.status) && ![408, 425, 429].contains(response.status))
            }
            done.insert(.webhook)
        }
    }
}

/// Runs a command to its end, at most a minute; what it prints on standard output is passed over.
private actor AlarmCommand {
    private let executor = BlockingExecutor(label: "alarm-command")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private static let limit: Duration = .seconds(60)

    /// - Returns: its exit code.
    func run(_ command: String, environment: [String: String]) throws -> Int32 {
        let child = try ChildProcess(command, environment: environment)
        let end = ContinuousClock.now + AlarmCommand.limit
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while ContinuousClock.now < end, !Task.isCancelled {
            var waited = pollfd(fd: child.output, events: Int16(POLLIN), revents: 0)
            guard poll(&waited, 1, 250) > 0 else { continue }
            let count = chunk.withUnsafeMutableBytes { read(child.output, $0.baseAddress, $0.count) }
            if count == 0 || (count < 0 && ![EINTR, EAGAIN].contains(errno)) { break }
        }
        return child.end()
    }
}
