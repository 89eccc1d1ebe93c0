internal import Synchronization

/// Many put, one takes all that is there: what comes while the taker works waits for its next turn, up to a limit.
package final class Inbox<Element: Sendable>: Sendable {
    private struct State {
        var elements: [Element] = []
        var isClosed = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())
    private let limit: Int

    package init(limit: Int) { self.limit = limit }

    /// - Returns: false when it is full or closed; the element was not taken.
    package func put(_ element: Element) -> Bool {
        let (taken, waiter) = state.withLock { state -> (Bool, CheckedContinuation<Void, Never>?) in
            guard !state.isClosed, state.elements.count < limit else { return (false, nil) }
            state.elements.append(element)
            return (true, state.waiter.take())
        }
        waiter?.resume()
        return taken
    }

    /// Everything that has come, at least one; empty when closed and drained, or when the task is cancelled.
    package func takeAll() async -> [Element] {
        while true {
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let goesOn = state.withLock { state in
                        if state.elements.isEmpty, !state.isClosed { state.waiter = continuation }
                        return state.waiter == nil
                    }
                    if goesOn { continuation.resume() }
                }
            } onCancel: {
                close()
            }
            let (elements, isClosed) = state.withLock { state in
                defer { state.elements = [] }
                return (state.elements, state.isClosed)
            }
            // Another may have taken what this was woken for: nothing is the end only when it is closed.
            if !elements.isEmpty || isClosed { return elements }
        }
    }

    var isEmpty: Bool { state.withLock { $0.elements.isEmpty } }

    /// What is there now, perhaps nothing.
    package func takePresent() -> [Element] {
        state.withLock { state in
            defer { state.elements = [] }
            return state.elements
        }
    }

    /// Takes nothing more; what is there can still be taken.
    package func close() {
        let waiter = state.withLock { state in
            state.isClosed = true
            return state.waiter.take()
        }
        waiter?.resume()
    }
}
