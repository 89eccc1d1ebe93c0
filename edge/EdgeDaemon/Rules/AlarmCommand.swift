internal import Glibc
internal import Runtime

/// Runs a command until it ends, for at most one minute. Discards its standard output.
actor AlarmCommand {
    private let executor = BlockingExecutor(label: "alarm-command")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private static let timeout: Duration = .seconds(60)

    /// - Returns: the exit code of the command; 128 or more if a signal ended the command.
    func run(_ command: String, environment: [String: String]) throws -> Int32 {
        let child = try ChildProcess(command, environment: environment)
        let end = ContinuousClock.now + AlarmCommand.timeout
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while !child.hasEnded, ContinuousClock.now < end, !Task.isCancelled {
            usleep(20_000)
            while chunk.withUnsafeMutableBytes({ read(child.output, $0.baseAddress, $0.count) }) > 0 {}
        }
        return child.end()
    }
}
