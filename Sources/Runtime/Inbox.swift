internal import Synchronization

/// Many put, one takes all that is there: what comes while the taker works waits for its next turn, up to a limit.
package final class Inbox<Element: Sendable>: Sendable {
    private struct State {
        var elements: [Element] = []
        var isClosed = false
        var producers = 0  // that have joined and not left
        var waiter: CheckedContinuation<Void, Never>?
        var isOver: Bool { isClosed && producers == 0 }
    }

    private let state = Mutex(State())
    private let limit: Int

    package init(limit: Int) { self.limit = limit }

    /// - Returns: false when it is full, or closed with no producer left; the element was not taken.
    package func put(_ element: Element) -> Bool {
        let (taken, waiter) = state.withLock { state -> (Bool, CheckedContinuation<Void, Never>?) in
            guard !state.isOver, state.elements.count < limit else { return (false, nil) }
            state.elements.append(element)
            return (true, state.waiter.take())
        }
        waiter?.resume()
        return taken
    }

    /// Registers a producer. A closed inbox takes elements until every registered producer has left.
    package func join() { state.withLock { $0.producers += 1 } }

    package func leave() {
        let waiter = state.withLock { state in
            state.producers -= 1
            return state.isOver ? state.waiter.take() : nil
        }
        waiter?.resume()
    }

    /// Everything that has come, at least one; empty when closed and drained, or when the task is cancelled.
    package func takeAll() async -> [Element] {
        while true {
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let goesOn = state.withLock { state in
                        if state.elements.isEmpty, !state.isOver { state.waiter = continuation }
                        return state.waiter == nil
                    }
                    if goesOn { continuation.resume() }
                }
            } onCancel: {
                close()
            }
            let (elements, isOver) = state.withLock { state in
                defer { state.elements = [] }
                return (state.elements, state.isOver)
            }
            // Another may have taken what this was woken for: nothing is the end only when it is closed and all producers have left.
            if !elements.isEmpty || isOver { return elements }
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

    /// Takes nothing more once no registered producer is left; what is there can still be taken.
    package func close() {
        let waiter = state.withLock { state in
            state.isClosed = true
            return state.waiter.take()
        }
        waiter?.resume()
    }
}
