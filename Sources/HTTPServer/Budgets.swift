internal import Synchronization

/// How many bytes of request bodies may be in memory at once. One sender gets an eighth of it, or what two bodies need; clients without
/// a valid token share a quarter, and one address gets a quarter of that, or what one body needs. Their small bodies have as much room
/// again for themselves: uploads that never end cannot keep out a new device's first batch.
final class BodyBudget: Sendable {
    /// Whose body it is: a token, or the address of a client that has none.
    struct Sender: Sendable, Hashable {
        var name: String
        var isKnown: Bool
        var isSmall = false  // at most `smallBody` bytes are announced
    }

    static let smallBody = 16_384

    private struct State {
        var known = 0
        var unknown = 0
        var small = 0  // of unknown senders
        var shares: [Sender: Int] = [:]
    }

    private let state = Mutex(State())
    private let limit: Int
    private let share: Int
    private let unknownShare: Int

    init(_ limits: HTTPLimits) {
        limit = limits.budgetBytes
        share = max(limit / 8, 2 * limits.bodyBytes)
        unknownShare = max(limit / 16, limits.bodyBytes)
    }

    private func hasRoom(_ bytes: Int, _ sender: Sender, _ state: State) -> Bool {
        if !sender.isKnown, sender.isSmall { return state.small + bytes <= limit / 4 }
        let own = state.shares[sender, default: 0] + bytes
        return sender.isKnown
            ? own <= share && state.known + state.unknown + bytes <= limit : own <= unknownShare && state.unknown + bytes <= limit / 4
    }

    func hasRoom(for bytes: Int, of sender: Sender) -> Bool { state.withLock { hasRoom(bytes, sender, $0) } }

    func reserve(_ bytes: Int, of sender: Sender) -> Bool {
        state.withLock { state in
            guard hasRoom(bytes, sender, state) else { return false }
            state.shares[sender, default: 0] += bytes
            count(bytes, of: sender, in: &state)
            return true
        }
    }

    func release(_ bytes: Int, of sender: Sender) {
        guard bytes > 0 else { return }
        state.withLock { state in
            let left = state.shares[sender, default: 0] - bytes
            state.shares[sender] = left > 0 ? left : nil
            count(-bytes, of: sender, in: &state)
        }
    }

    private func count(_ bytes: Int, of sender: Sender, in state: inout State) {
        if sender.isKnown { state.known += bytes } else if sender.isSmall { state.small += bytes } else { state.unknown += bytes }
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
