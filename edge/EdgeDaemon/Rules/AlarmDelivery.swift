internal import EdgeStore
internal import HTTPClient
internal import Measures
internal import Runtime

/// Delivers alarms to one target, oldest first, and retries each until the target accepts it. Undelivered alarms stay in the store. Each
/// target has its own delivery, so that no target waits for another.
actor AlarmDelivery: Service {
    enum Target: Sendable {
        case command(String)
        case webhook(Webhook)

        var name: String {
            switch self {
            case .command: "command"
            case .webhook: "webhook"
            }
        }
    }

    private struct CommandFailed: Error, CustomStringConvertible {
        let code: Int32
        var description: String { "the command ended with code \(code)" }
    }

    nonisolated let target: Target
    private let device: DeviceIdentity
    private let store: ReadingStore
    private let clock: ServiceClock
    private let log: Log
    private let wakeSignals = Inbox<Void>(limit: 1)
    private let commandRunner = AlarmCommand()
    private var unstored: [Alarm] = []  // alarms that the store could not store
    private var deliveredNotDeleted: Set<Int64> = []  // delivered alarms that the store could not delete yet

    private static let pause = RetryPause(first: .seconds(5), longest: .seconds(900))
    private static let unstoredLimit = 100

    init(_ target: Target, device: DeviceIdentity, store: ReadingStore, clock: ServiceClock = .host, log: Log) {
        self.target = target
        self.device = device
        self.store = store
        self.clock = clock
        self.log = log
    }

    /// The configured targets.
    static func targets(_ settings: EdgeSettings) -> [Target] {
        var http = HTTPClient.Settings(userAgent: "vaho-edge/\(EdgeVersion.text)")
        http.certificateAuthorities = settings.certificateAuthorities
        return [settings.alarmCommand.map { .command($0) }, settings.alarmWebhook.map { .webhook(Webhook(url: $0, settings: http)) }].compactMap(
            \.self)
    }

    /// - Parameter unstored: an alarm that could not be stored.
    func wake(unstored alarm: Alarm? = nil) {
        if let alarm, unstored.count < AlarmDelivery.unstoredLimit { unstored.append(alarm) }
        _ = wakeSignals.enqueue(())
    }

    func run() async throws {
        _ = wakeSignals.enqueue(())  // deliver the alarms that the last run could not deliver
        while await !wakeSignals.dequeueAll().isEmpty {
            var pauses = AlarmDelivery.pause
            while true {
                do {
                    try await deliverAll()
                    break
                } catch {
                    try Task.checkCancellation()
                    let pause = pauses.next()
                    log(.warning, "alarm not delivered, retrying", ["target": target.name, "error": "\(error)", "retry_s": pause.components.seconds])
                    try await clock.sleep(for: pause)
                }
            }
        }
        throw CancellationError()
    }

    private func deliverAll() async throws {
        var storeError: (any Error)?  // thrown at the end, so that the later alarms are delivered first
        let name = target.name
        for (number, alarm) in try await store.read({ try $0.alarms.undelivered(for: name) }) {
            if !deliveredNotDeleted.contains(number) {
                try await deliver(alarm)
                deliveredNotDeleted.insert(number)
            }
            do {
                try await store.write { try $0.alarms.deleteDelivered(number) }
                deliveredNotDeleted.remove(number)
            } catch { storeError = error }
        }
        while let alarm = unstored.first {
            try await deliver(alarm)
            unstored.removeFirst()
        }
        if let storeError { throw storeError }
    }

    private func deliver(_ alarm: Alarm) async throws {
        switch target {
        case .command(let command):
            let code = try await commandRunner.run(command, environment: alarm.environment)
            guard code == 0 else { throw CommandFailed(code: code) }
        case .webhook(let webhook): try await webhook.post(alarm.json(device: device.current))
        }
    }
}
