internal import CMicroHTTPD
internal import Synchronization
internal import Text

/// Which connections there are, from where, and since when each waits for its peer.
///
/// libmicrohttpd limits only silence and the number of connections: a client that sends a byte now and then would stay connected for
/// ever, and once all connections are in use nobody else is let in.
final class ConnectionTable: Sendable {
    private struct Entry {
        let descriptor: Int32
        let peer: String
        var wait: Wait
        var since: ContinuousClock.Instant
        var rank = Rank.silent
    }

    private enum Wait: Equatable {
        case request  // for the rest of a request, or the next one
        case handler
        case reader(until: ContinuousClock.Instant)  // for the client to take its answer
    }

    /// Who gives way first when all connections are in use.
    private enum Rank: Int, Comparable {
        case silent = 0  // has not sent a whole request yet
        case served = 1
        case known = 2  // has sent a request with a valid token
        static func < (a: Rank, b: Rank) -> Bool { a.rawValue < b.rawValue }
    }

    private let entries = Mutex<(byName: [UInt: Entry], byPeer: [String: Int])>(([:], [:]))
    private let limits: HTTPLimits
    private let requestTime: Duration
    /// Connections beyond the limit that libmicrohttpd must still let in, for others to give way to them.
    static let headroom: UInt32 = 64

    init(_ limits: HTTPLimits) {
        self.limits = limits
        requestTime = .seconds(limits.requestSeconds)
    }

    /// - Parameter name: the connection's address in memory, its own as long as it lives.
    func began(_ name: UInt, descriptor: Int32, peer: String) {
        entries.withLock { entries in
            if entries.byName.count >= Int(limits.connections) { makeRoom(&entries.byName) }
            entries.byName[name] = Entry(descriptor: descriptor, peer: peer, wait: .request, since: .now)
            entries.byPeer[peer, default: 0] += 1
            if entries.byPeer[peer, default: 0] > limits.connectionsPerAddress, !LoopbackAddress.contains(peer) { cmhd_cut(descriptor) }
        }
    }

    /// Closes a sixteenth of the connections that wait for their client: those without a complete request first, then those without a
    /// valid token, each longest wait first. Several at once, so that a flood of new connections does not look through all others each time.
    private func makeRoom(_ byName: inout [UInt: Entry]) {
        let waiting = byName.filter { $0.value.wait != .handler }
        let order = waiting.sorted { ($0.value.rank, $0.value.since) < ($1.value.rank, $1.value.since) }
        for (name, entry) in order.prefix(max(1, Int(limits.connections) / 16)) {
            cmhd_cut(entry.descriptor)
            byName[name]?.wait = .handler  // it is on its way out: not cut twice
        }
    }

    func ended(_ name: UInt) {
        entries.withLock { entries in
            guard let entry = entries.byName.removeValue(forKey: name) else { return }
            let rest = (entries.byPeer[entry.peer] ?? 1) - 1
            entries.byPeer[entry.peer] = rest > 0 ? rest : nil
        }
    }

    func isHandling(_ name: UInt, isKnown: Bool) {
        entries.withLock { entries in
            guard let rank = entries.byName[name]?.rank else { return }
            entries.byName[name]?.wait = .handler
            entries.byName[name]?.rank = max(rank, isKnown ? .known : .served)
        }
    }

    func isReading(_ name: UInt) { set(name, .request) }

    /// An answer of so many bytes is on its way to the client.
    func isAnswering(_ name: UInt, bytes: Int) {
        set(name, .reader(until: .now + .seconds(limits.answerSeconds + bytes / limits.answerBytesPerSecond)))
    }

    func peer(_ name: UInt) -> String { entries.withLock { $0.byName[name]?.peer ?? "" } }

    private func set(_ name: UInt, _ wait: Wait) {
        entries.withLock { entries in
            entries.byName[name]?.wait = wait
            entries.byName[name]?.since = .now
        }
    }

    /// Ends connections whose request takes too long to come, or whose answer too long to leave. Under the lock: no socket in the
    /// table has been closed yet.
    func cutSlow() {
        let now = ContinuousClock.now
        entries.withLock { entries in
            for entry in entries.byName.values {
                switch entry.wait {
                case .request where entry.since + requestTime < now: cmhd_cut(entry.descriptor)
                case .reader(let until) where until < now: cmhd_cut(entry.descriptor)
                default: break
                }
            }
        }
    }

    /// Closes the connection that has been reading its answer for longest, if that is some seconds, to free memory for other answers.
    func cutSlowestReader() {
        let limit = ContinuousClock.now - ConnectionTable.patience
        entries.withLock { entries in
            let readers = entries.byName.filter { if case .reader = $0.value.wait { $0.value.since < limit } else { false } }
            guard let slowest = readers.min(by: { $0.value.since < $1.value.since }) else { return }
            cmhd_cut(slowest.value.descriptor)
            entries.byName[slowest.key]?.wait = .handler
        }
    }

    /// Closes all connections, and returns when libmicrohttpd has let go of them, or after a while.
    ///
    /// libmicrohttpd 0.9.75 answers a malformed request that it is reading while it is stopped without a response, and crashes on that:
    /// so it is stopped when nothing is left to read.
    func close() async {
        let end = ContinuousClock.now + .milliseconds(500)
        entries.withLock { entries in for entry in entries.byName.values { cmhd_cut(entry.descriptor) } }
        while !entries.withLock({ $0.byName.isEmpty }), .now < end { try? await Task.sleep(for: .milliseconds(1)) }
    }

    private static let patience: Duration = .seconds(5)
}
