internal import CMicroHTTPD
internal import Synchronization
internal import Text

/// The open connections, with the address of each peer and the time since which the connection waits for the peer.
///
/// libmicrohttpd limits only idle time and the number of connections. A client that sends one byte now and then would stay connected forever, and
/// when all connections are in use, no other client can connect.
final class ConnectionTable: Sendable {
    private struct Entry {
        let descriptor: Int32
        let peer: String
        var wait: Wait
        var since: ContinuousClock.Instant
        var rank = Rank.silent
    }

    private enum Wait: Equatable {
        case request  // waits for the rest of a request, or for the next request
        case handler
        case reader(until: ContinuousClock.Instant)  // waits for the client to read the response
    }

    /// The order in which connections are closed when all are in use; the lowest rank first.
    private enum Rank: Int, Comparable {
        case silent = 0  // has not sent a complete request yet
        case served = 1
        case known = 2  // has sent a request with a valid token
        static func < (a: Rank, b: Rank) -> Bool { a.rawValue < b.rawValue }
    }

    private let entries = Mutex<(byID: [UInt: Entry], byPeer: [String: Int])>(([:], [:]))
    private let limits: HTTPLimits
    private let requestTime: Duration
    /// Connections above the limit that libmicrohttpd must accept, so that `makeRoom` can close older ones for them.
    static let headroom: UInt32 = 64

    init(_ limits: HTTPLimits) {
        self.limits = limits
        requestTime = .seconds(limits.requestSeconds)
    }

    /// - Parameter name: the connection's address in memory, unique while the connection exists.
    func opened(_ name: UInt, descriptor: Int32, peer: String) {
        entries.withLock { entries in
            if entries.byID.count >= Int(limits.connections) { makeRoom(&entries.byID) }
            entries.byID[name] = Entry(descriptor: descriptor, peer: peer, wait: .request, since: .now)
            entries.byPeer[peer, default: 0] += 1
            if entries.byPeer[peer, default: 0] > limits.connectionsPerAddress, !LoopbackAddress.isLoopback(peer) { cmhd_cut(descriptor) }
        }
    }

    /// Closes a sixteenth of the connections that wait for their client: first connections without a complete request, then connections without a
    /// valid token; within each group, the longest wait first. It closes several at once, so that a flood of new connections does not search all
    /// connections each time.
    private func makeRoom(_ byID: inout [UInt: Entry]) {
        let waiting = byID.filter { $0.value.wait != .handler }
        let order = waiting.sorted { ($0.value.rank, $0.value.since) < ($1.value.rank, $1.value.since) }
        for (name, entry) in order.prefix(max(1, Int(limits.connections) / 16)) {
            cmhd_cut(entry.descriptor)
            byID[name]?.wait = .handler  // already closing: do not close again
        }
    }

    func closed(_ name: UInt) {
        entries.withLock { entries in
            guard let entry = entries.byID.removeValue(forKey: name) else { return }
            let rest = (entries.byPeer[entry.peer] ?? 1) - 1
            entries.byPeer[entry.peer] = rest > 0 ? rest : nil
        }
    }

    func markHandling(_ name: UInt, isAuthenticated: Bool) {
        entries.withLock { entries in
            guard let rank = entries.byID[name]?.rank else { return }
            entries.byID[name]?.wait = .handler
            entries.byID[name]?.rank = max(rank, isAuthenticated ? .known : .served)
        }
    }

    func markReadingRequest(_ name: UInt) { set(name, .request) }

    /// Marks that a response of `bytes` bytes is being sent.
    func markSendingResponse(_ name: UInt, bytes: Int) {
        set(name, .reader(until: .now + .seconds(limits.responseSeconds + bytes / limits.responseBytesPerSecond)))
    }

    func peer(_ name: UInt) -> String { entries.withLock { $0.byID[name]?.peer ?? "" } }

    private func set(_ name: UInt, _ wait: Wait) {
        entries.withLock { entries in
            entries.byID[name]?.wait = wait
            entries.byID[name]?.since = .now
        }
    }

    /// Closes connections that are too slow in sending a request or in reading a response. Runs under the lock, so that all sockets in the table
    /// are still open.
    func closeSlowConnections() {
        let now = ContinuousClock.now
        entries.withLock { entries in
            for entry in entries.byID.values {
                switch entry.wait {
                case .request where entry.since + requestTime < now: cmhd_cut(entry.descriptor)
                case .reader(let until) where until < now: cmhd_cut(entry.descriptor)
                default: break
                }
            }
        }
    }

    /// Closes the connection that has been reading its response for the longest time, if longer than 5 s, to free memory for other responses.
    func closeSlowestReader() {
        let limit = ContinuousClock.now - ConnectionTable.slowReaderTime
        entries.withLock { entries in
            let readers = entries.byID.filter { if case .reader = $0.value.wait { $0.value.since < limit } else { false } }
            guard let slowest = readers.min(by: { $0.value.since < $1.value.since }) else { return }
            cmhd_cut(slowest.value.descriptor)
            entries.byID[slowest.key]?.wait = .handler
        }
    }

    /// Closes all connections, and waits until libmicrohttpd has released them, at most 0.5 s.
    ///
    /// If libmicrohttpd 0.9.75 is stopped while it reads a malformed request, it queues no response and crashes. Therefore all connections are
    /// closed before the stop.
    func close() async {
        let end = ContinuousClock.now + .milliseconds(500)
        entries.withLock { entries in for entry in entries.byID.values { cmhd_cut(entry.descriptor) } }
        while !entries.withLock({ $0.byID.isEmpty }), .now < end { try? await Task.sleep(for: .milliseconds(1)) }
    }

    private static let slowReaderTime: Duration = .seconds(5)
}
