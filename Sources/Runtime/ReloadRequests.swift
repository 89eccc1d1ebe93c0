internal import Dispatch
internal import Glibc
internal import Synchronization

/// Collects requests to reload the configuration, from the signal SIGHUP and from calls of `request`.
package final class ReloadRequests: Service {
    private struct State {
        var isRequested = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())
    nonisolated(unsafe) private var source: (any DispatchSourceSignal)?  // set in `init`, cancelled in `deinit`, not used elsewhere

    package init(log: Log) {
        signal(SIGHUP, SIG_IGN)  // otherwise the signal ends the process before the source receives it
        let source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
        source.setEventHandler { [weak self] in
            log(.info, "reading the configuration again", ["signal": "SIGHUP"])
            self?.request()
        }
        source.activate()
        unsafe self.source = source
    }

    deinit { unsafe source?.cancel() }

    package func request() { resume { $0.isRequested = true } }

    /// Whether there is a request that nobody has taken yet.
    package var isRequested: Bool { state.withLock { $0.isRequested } }

    /// Whether there was a request since the last call.
    package func take() -> Bool {
        state.withLock { state in
            defer { state.isRequested = false }
            return state.isRequested
        }
    }

    /// Returns when there is a request, or when the task is cancelled.
    package func run() async throws {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDue = state.withLock { state in
                    if state.isRequested || Task.isCancelled { return true }
                    state.waiter = continuation
                    return false
                }
                if isDue { continuation.resume() }
            }
        } onCancel: {
            resume { _ in }
        }
    }

    private func resume(_ change: (inout State) -> Void) {
        let waiter = state.withLock { state in
            change(&state)
            return state.waiter.take()
        }
        waiter?.resume()
    }
}
