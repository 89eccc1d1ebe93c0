internal import Synchronization

/// How many bytes of request bodies may be in memory at once. Clients without a valid token share a quarter of it.
final class BodyBudget: Sendable {
    private let state = Mutex<(known: Int, unknown: Int)>((0, 0))
    private let limit: Int

    init(_ limit: Int) { self.limit = limit }

    func hasRoom(for bytes: Int, isKnown: Bool) -> Bool {
        state.withLock { isKnown ? $0.known + $0.unknown + bytes <= limit : $0.unknown + bytes <= limit / 4 }
    }

    func reserve(_ bytes: Int, isKnown: Bool) -> Bool {
        state.withLock { state in
            guard isKnown ? state.known + state.unknown + bytes <= limit : state.unknown + bytes <= limit / 4 else { return false }
            if isKnown { state.known += bytes } else { state.unknown += bytes }
            return true
        }
    }

    func release(_ bytes: Int, isKnown: Bool) {
        state.withLock { if isKnown { $0.known -= bytes } else { $0.unknown -= bytes } }
    }
}

/// How many bytes of answers may be on their way to clients. An answer that several clients read counts once.
final class AnswerBudget: Sendable {
    private struct State {
        var total = 0
        var readers: [ObjectIdentifier: Int] = [:]
    }

    private let state = Mutex(State())
    private let limit: Int
    /// Answers up to this size have room of their own: a slow reader of large ones must not keep devices from theirs.
    private static let small = 65_536

    init(_ limit: Int) { self.limit = limit }

    func reserve(_ body: HTTPBody) -> Bool {
        guard body.count > 0 else { return true }
        return state.withLock { state in
            if state.readers[ObjectIdentifier(body)] == nil {
                guard state.total + body.count <= (body.count <= AnswerBudget.small ? 2 * limit : limit) else { return false }
                state.total += body.count
            }
            state.readers[ObjectIdentifier(body), default: 0] += 1
            return true
        }
    }

    func release(_ body: HTTPBody) {
        guard body.count > 0 else { return }
        state.withLock { state in
            let left = (state.readers[ObjectIdentifier(body)] ?? 1) - 1
            state.readers[ObjectIdentifier(body)] = left > 0 ? left : nil
            if left == 0 { state.total -= body.count }
        }
    }
}
