internal import Glibc
internal import Runtime

/// Runs a command to its end, at most a minute; what it prints on standard output is passed over.
actor AlarmCommand {
    private let executor = BlockingExecutor(label: "alarm-command")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private static let limit: Duration = .seconds(60)

    /// - Returns: its exit code; 128 and more where it was ended.
    func run(_ command: String, environment: [String: String]) throws -> Int32 {
        let child = try ChildProcess(command, environment: environment)
        let end = ContinuousClock.now + AlarmCommand.limit
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while !child.hasEnded, ContinuousClock.now < end, !Task.isCancelled {
            usleep(20_000)
            while chunk.withUnsafeMutableBytes({ read(child.output, $0.baseAddress, $0.count) }) > 0 {}
        }
        return child.end()
    }
}
