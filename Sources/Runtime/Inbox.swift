internal import Synchronization

/// A bounded queue with many producers and one consumer, which takes all waiting elements at once.
package final class Inbox<Element: Sendable>: Sendable {
    private struct State {
        var elements: [Element] = []
        var isClosed = false
        var producers = 0  // registered producers
        var waiter: CheckedContinuation<Void, Never>?
        var isFinished: Bool { isClosed && producers == 0 }
    }

    private let state = Mutex(State())
    private let limit: Int

    package init(limit: Int) { self.limit = limit }

    /// - Returns: false if the queue is full, or if it is closed and all producers have left; the element is then not enqueued.
    package func enqueue(_ element: Element) -> Bool {
        let (taken, waiter) = state.withLock { state -> (Bool, CheckedContinuation<Void, Never>?) in
            guard !state.isFinished, state.elements.count < limit else { return (false, nil) }
            state.elements.append(element)
            return (true, state.waiter.take())
        }
        waiter?.resume()
        return taken
    }

    /// Registers a producer. A closed inbox accepts elements until every registered producer has left.
    package func addProducer() { state.withLock { $0.producers += 1 } }

    package func removeProducer() {
        let waiter = state.withLock { state in
            state.producers -= 1
            return state.isFinished ? state.waiter.take() : nil
        }
        waiter?.resume()
    }

    /// Waits for elements and returns all of them, at least one; empty if the inbox is closed and drained, or if the task is cancelled.
    package func dequeueAll() async -> [Element] {
        while true {
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let shouldResume = state.withLock { state in
                        if state.elements.isEmpty, !state.isFinished { state.waiter = continuation }
                        return state.waiter == nil
                    }
                    if shouldResume { continuation.resume() }
                }
            } onCancel: {
                close()
            }
            let (elements, isFinished) = state.withLock { state in
                defer { state.elements = [] }
                return (state.elements, state.isFinished)
            }
            // Another call may already have taken the elements: an empty result is final only if the inbox is closed and all producers have left.
            if !elements.isEmpty || isFinished { return elements }
        }
    }

    package var isEmpty: Bool { state.withLock { $0.elements.isEmpty } }

    /// The elements waiting now; may be empty.
    package func dequeueAvailable() -> [Element] {
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
