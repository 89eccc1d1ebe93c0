internal import CMicroHTTPD
internal import Synchronization

/// Which connections there are, from where, and since when their request is on its way in.
///
/// libmicrohttpd's own limit is on silence: one byte now and then would keep a connection for ever.
final class ConnectionTable: Sendable {
    private struct Entry {
        let descriptor: Int32
        let peer: String
        var readingSince: ContinuousClock.Instant?  // nil: its request is being handled
    }

    private let entries = Mutex<(byName: [UInt: Entry], byPeer: [String: Int])>(([:], [:]))
    private let requestTime: Duration
    private let perAddress: Int

    init(_ limits: HTTPLimits) {
        requestTime = .seconds(limits.requestSeconds)
        perAddress = limits.connectionsPerAddress
    }

    /// - Parameter name: the connection's address in memory, its own as long as it lives.
    func began(_ name: UInt, descriptor: Int32, peer: String) {
        let isTooMany = entries.withLock { entries in
            entries.byName[name] = Entry(descriptor: descriptor, peer: peer, readingSince: .now)
            entries.byPeer[peer, default: 0] += 1
            return entries.byPeer[peer, default: 0] > perAddress && !ConnectionTable.isLocal(peer)
        }
        if isTooMany { cmhd_cut(descriptor) }
    }

    func ended(_ name: UInt) {
        entries.withLock { entries in
            guard let entry = entries.byName.removeValue(forKey: name) else { return }
            let rest = (entries.byPeer[entry.peer] ?? 1) - 1
            entries.byPeer[entry.peer] = rest > 0 ? rest : nil
        }
    }

    func isHandling(_ name: UInt) { entries.withLock { $0.byName[name]?.readingSince = nil } }
    func isReading(_ name: UInt) { entries.withLock { $0.byName[name]?.readingSince = .now } }

    /// Ends connections whose request takes too long to come. Under the lock: no socket in the table has been closed yet.
    func cutSlow() {
        let limit = ContinuousClock.now - requestTime
        entries.withLock { entries in
            for entry in entries.byName.values { if let since = entry.readingSince, since < limit { cmhd_cut(entry.descriptor) } }
        }
    }

    private static func isLocal(_ peer: String) -> Bool { peer.hasPrefix("127.") || peer == "::1" || peer.hasPrefix("::ffff:127.") }
}

/// How many bytes of bodies may be in memory at once; those who are not known share a quarter of it.
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
