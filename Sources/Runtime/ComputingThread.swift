internal import Glibc

/// A thread for work that computes for long: neither Swift's pool nor a database waits for it.
package actor ComputingThread {
    private let executor: BlockingExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    package init(label: String) { executor = BlockingExecutor(label: label) }

    package func run<Value: Sendable>(_ work: @Sendable () throws -> Value) throws -> Value {
        try Task.checkCancellation()
        return try work()
    }

    /// - Returns: what the work gave, and the processor time that it took.
    package func measure<Value: Sendable>(_ work: @Sendable () throws -> Value) -> (result: Result<Value, any Error>, cost: Duration) {
        let start = ComputingThread.processorTime
        let result = Result { try run(work) }
        return (result, ComputingThread.processorTime - start)
    }

    /// Of this thread.
    private static var processorTime: Duration {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
