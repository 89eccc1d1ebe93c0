internal import Synchronization

/// Limits the bytes of request bodies in memory.
///
/// One sender with a valid token gets an eighth of the limit, or the size of two bodies if that is more. All clients without a valid token share
/// a quarter of the limit; one address among them gets a sixteenth of the limit, or the size of one body if that is more. Small bodies of clients
/// without a token have a separate quarter: endless uploads cannot block the first batch of a new device.
final class BodyBudget: Sendable {
    /// The sender of a body: a token, or the address of a client without a valid token.
    struct Sender: Sendable, Hashable {
        var name: String
        var isAuthenticated: Bool
        var isSmall = false  // Content-Length is at most `smallBody`
    }

    static let smallBody = 16_384

    private struct State {
        var known = 0  // bytes from senders with a valid token
        var unknown = 0  // bytes from other senders, without their small bodies
        var small = 0  // bytes of small bodies from senders without a valid token
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
        if !sender.isAuthenticated, sender.isSmall { return state.small + bytes <= limit / 4 }
        let own = state.shares[sender, default: 0] + bytes
        return sender.isAuthenticated
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
        if sender.isAuthenticated { state.known += bytes } else if sender.isSmall { state.small += bytes } else { state.unknown += bytes }
    }
}

/// Limits the bytes of responses that are being sent. A body shared by several responses counts once.
final class ResponseBudget: Sendable {
    private struct State {
        var total = 0
        var readers: [ObjectIdentifier: Int] = [:]
    }

    private let state = Mutex(State())
    private let limit: Int
    /// For bodies up to this size the limit is doubled: slow readers of large responses do not block small responses to devices.
    private static let small = 65_536

    init(_ limit: Int) { self.limit = limit }

    func reserve(_ body: HTTPBody) -> Bool {
        guard body.count > 0 else { return true }
        return state.withLock { state in
            if state.readers[ObjectIdentifier(body)] == nil {
                guard state.total + body.count <= (body.count <= ResponseBudget.small ? 2 * limit : limit) else { return false }
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
