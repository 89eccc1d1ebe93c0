internal import Synchronization

/// Asks a sensor that may never answer. Past the limit the caller goes on, and the question stays open: it is not asked a second
/// time, so that a driver that hangs holds one thread and nothing else.
///
/// The one place with tasks of its own: a structured child cannot be left behind, and a read that the kernel holds cannot be ended.
package final class PatientReading: Sendable {
    private struct State {
        var isAsked = false
        var waiter: CheckedContinuation<Sample?, any Error>?
        var turn = 0  // of who waits: what was meant for an earlier one ends no later one's waiting
    }

    private let sensor: any Sensor
    private let state = Mutex(State())

    package init(_ sensor: any Sensor) { self.sensor = sensor }

    /// The next thing the sensor says; what it says after the limit is dropped, unless it is asked for again by then.
    ///
    /// - Throws: `SensorError` also when the limit has passed; `CancellationError` at once when cancelled.
    package func read(within limit: Duration) async throws -> Sample? {
        let turn = state.withLock { state in
            state.turn += 1
            return state.turn
        }
        let timer = Task {
            try await Task.sleep(for: limit)
            giveUp(
                turn, SensorError("it has not answered for \(limit.components.seconds) s; it is waited for, the other sensors go on", isPassing: true)
            )
        }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isToBeAsked = state.withLock { state in
                    state.waiter = continuation
                    defer { state.isAsked = true }
                    return !state.isAsked
                }
                if isToBeAsked {
                    Task {
                        do { answer(.success(try await sensor.read())) } catch { answer(.failure(error)) }
                    }
                }
                if Task.isCancelled { giveUp(turn, CancellationError()) }  // the handler may have run before there was a waiter
            }
        } onCancel: {
            giveUp(turn, CancellationError())
        }
    }

    private func answer(_ result: Result<Sample?, any Error>) {
        state.withLock { state in
            state.isAsked = false
            return take(&state)
        }?.resume(with: result)
    }

    private func giveUp(_ turn: Int, _ error: any Error) {
        state.withLock { $0.turn == turn ? take(&$0) : nil }?.resume(throwing: error)
    }

    private func take(_ state: inout State) -> CheckedContinuation<Sample?, any Error>? {
        defer { state.waiter = nil }
        return state.waiter
    }
}
