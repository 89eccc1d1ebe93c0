package import Measures
internal import Synchronization

/// How the last exchange with the cloud ended.
package struct UplinkState: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        case delivering
        case refused  // the cloud does not take what this device sends: someone must act
        case unreachable  // no answer: no network, no such host, no trust in its certificate
        case failing  // an answer that settles nothing now: the server is busy, or says something unexpected
    }

    package var kind: Kind
    package var status: Int?  // of HTTP
    package var detail: String
    package var since: Instant

    package init(_ kind: Kind, status: Int? = nil, detail: String = "", since: Instant) {
        self.kind = kind
        self.status = status
        self.detail = detail
        self.since = since
    }

    /// For people.
    package var words: String {
        switch kind {
        case .delivering: "delivering"
        case .refused: "refused with \(status ?? 0): \(detail)"
        case .unreachable: "not reached: \(detail)"
        case .failing: "failing: \(detail)"
        }
    }

    /// As the store keeps it.
    var stored: String { "\(kind.rawValue) \(status ?? 0) \(since.ms) \(detail)" }

    init?(stored: String) {
        let parts = stored.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 4, let kind = Kind(rawValue: String(parts[0])), let status = Int(parts[1]), let since = Int64(parts[2]) else {
            return nil
        }
        self.init(kind, status: status == 0 ? nil : status, detail: String(parts[3]), since: Instant(ms: since))
    }

    /// The device's condition as far as the cloud's answers tell it.
    package var condition: DeviceCondition {
        kind == .refused ? DeviceCondition(.refused, since: since, detail: "\(status ?? 0): \(detail)") : .ok
    }
}

/// The uplink's state and its count of errors in this run; what is shown while the disk takes nothing.
package final class UplinkStatus: Sendable {
    private let state = Mutex<(current: UplinkState?, errors: [UplinkState.Kind: Int])>((nil, [:]))

    /// - Parameter last: of the run before: until the first exchange of this one nothing else is known.
    package init(last: UplinkState? = nil) { state.withLock { $0.current = last } }

    package var current: UplinkState? { state.withLock { $0.current } }
    package var errors: [UplinkState.Kind: Int] { state.withLock { $0.errors } }

    /// - Returns: the state with its beginning: that of the state before where it is the same.
    func set(_ kind: UplinkState.Kind, status: Int? = nil, detail: String = "", at now: Instant) -> UplinkState {
        state.withLock { state in
            if kind != .delivering { state.errors[kind, default: 0] += 1 }
            let isSame = state.current.map { $0.kind == kind && $0.status == status } ?? false
            let next = UplinkState(kind, status: status, detail: detail, since: isSame ? state.current?.since ?? now : now)
            state.current = next
            return next
        }
    }
}
