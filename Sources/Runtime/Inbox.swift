internal import Synchronization

/// A bounded queue with many producers and one consumer, which takes all waiting elements at once.
package final class Inbox<Element: Sendable>: Sendable {
    private struct State {
        var elements: [Element] = []
        var isClosed = false
        var producers = 0  // registered producers
        var waiter: CheckedContinuation<Void, Never>?
        var isOver: Bool { isClosed && producers == 0 }
    }

    private let state = Mutex(State())
    private let limit: Int

    package init(limit: Int) { self.limit = limit }

    /// - Returns: false if the queue is full, or closed without producers; the element is then not enqueued.
    package func put(_ element: Element) -> Bool {
        let (taken, waiter) = state.withLock { state -> (Bool, CheckedContinuation<Void, Never>?) in
            guard !state.isOver, state.elements.count < limit else { return (false, nil) }
            state.elements.append(element)
            return (true, state.waiter.take())
        }
        waiter?.resume()
        return taken
    }

    /// Registers a producer. A closed inbox accepts elements until every registered producer has left.
    package func join() { state.withLock { $0.producers += 1 } }

    package func leave() {
        let waiter = state.withLock { state in
            state.producers -= 1
            return state.isOver ? state.waiter.take() : nil
        }
        waiter?.resume()
    }

    /// Waits for elements and returns all of them, at least one; empty if the inbox is closed and drained, or if the task is cancelled.
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
            // Another call may already have taken the elements: an empty result is final only if the inbox is closed and all producers have left.
            if !elements.isEmpty || isOver { return elements }
        }
    }

    var isEmpty: Bool { state.withLock { $0.elements.isEmpty } }

    /// The elements waiting now; may be empty.
    package func takePresent() -> [Element] {
        state.withLock { state in
            defer { state.elements = [] }
            return state.elements
        }
    }

    /// Stops accepting elements after all registered producers have left; waiting elements can still be taken.
    package func close() {
        let waiter = state.withLock { state in
            state.isClosed = true
            return state.waiter.take()
        }
        waiter?.resume()
    }
}
