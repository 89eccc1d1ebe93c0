internal import Glibc

/// A thread for long computations, so that they block neither Swift's thread pool nor a database.
package actor ComputingThread {
    private let executor: BlockingExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    package init(label: String) { executor = BlockingExecutor(label: label) }

    /// A thread for each processor that is online.
    package static func onePerCore(label: String) -> [ComputingThread] {
        (1...max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))).map { ComputingThread(label: "\(label)-\($0)") }
    }

    package func run<Value: Sendable>(_ work: @Sendable () throws -> Value) throws -> Value {
        try Task.checkCancellation()
        return try work()
    }

    /// - Returns: the result of the work, and the processor time used.
    package func measure<Value: Sendable>(_ work: @Sendable () throws -> Value) -> (result: Result<Value, any Error>, cost: Duration) {
        ComputingThread.measureHere { try run(work) }
    }

    /// Does the work on the calling thread.
    /// - Returns: the result of the work, and the processor time used.
    package static func measureHere<Value>(_ work: () throws -> Value) -> (result: Result<Value, any Error>, cost: Duration) {
        let start = processorTime
        let result = Result { try work() }
        return (result, processorTime - start)
    }

    /// The processor time used by this thread.
    private static var processorTime: Duration {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
