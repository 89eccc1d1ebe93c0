internal import Synchronization

/// Reads a sensor that may never answer. After the time limit the caller continues and the read stays open. No second read starts meanwhile,
/// so that a driver that hangs blocks only one thread.
///
/// This is the only type with unstructured tasks: a structured child task cannot be abandoned, and a read that blocks in the kernel cannot be
/// cancelled.
package final class TimedReader: Sendable {
    private struct State {
        var isReading = false
        var waiter: CheckedContinuation<Sample?, any Error>?
        var callNumber = 0  // number of the current call: a timeout of an earlier call must not end a later call
    }

    private let sensor: any Sensor
    private let state = Mutex(State())

    package init(_ sensor: any Sensor) { self.sensor = sensor }

    /// The next answer of the sensor. An answer after the limit is discarded, unless another call waits by then.
    ///
    /// - Throws: `SensorError`, also after the limit; `CancellationError` at once if cancelled.
    package func read(within limit: Duration) async throws -> Sample? {
        let callNumber = state.withLock { state in
            state.callNumber += 1
            return state.callNumber
        }
        let timer = Task {
            try await Task.sleep(for: limit)
            endWait(
                callNumber,
                SensorError("no answer for \(limit.components.seconds) s; the read stays open, other sensors are not affected", isTransient: true)
            )
        }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let startsRead = state.withLock { state in
                    state.waiter = continuation
                    defer { state.isReading = true }
                    return !state.isReading
                }
                if startsRead {
                    Task {
                        do { deliver(.success(try await sensor.read())) } catch { deliver(.failure(error)) }
                    }
                }
                if Task.isCancelled { endWait(callNumber, CancellationError()) }  // the handler may have run before the waiter was set
            }
        } onCancel: {
            endWait(callNumber, CancellationError())
        }
    }

    private func deliver(_ result: Result<Sample?, any Error>) {
        state.withLock { state in
            state.isReading = false
            return takeWaiter(&state)
        }?.resume(with: result)
    }

    private func endWait(_ callNumber: Int, _ error: any Error) {
        state.withLock { $0.callNumber == callNumber ? takeWaiter(&$0) : nil }?.resume(throwing: error)
    }

    private func takeWaiter(_ state: inout State) -> CheckedContinuation<Sample?, any Error>? {
        defer { state.waiter = nil }
        return state.waiter
    }
}
