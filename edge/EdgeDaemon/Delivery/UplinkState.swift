package import Measures
internal import Synchronization

/// How the last exchange with the cloud ended.
package struct UplinkState: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        case delivering
        case duplicate  // delivering, but another host sends under the same name
        case refused  // the cloud refuses the requests of this device: a user must act
        case unreachable  // no answer: no network, unknown host, or untrusted certificate
        case failing  // an answer, but temporarily unusable: busy server or unexpected content
    }

    package var kind: Kind
    package var status: Int?  // HTTP status
    package var detail: String
    package var since: Instant

    package init(_ kind: Kind, status: Int? = nil, detail: String = "", since: Instant) {
        self.kind = kind
        self.status = status
        self.detail = detail
        self.since = since
    }

    /// A text for people.
    package var text: String {
        switch kind {
        case .delivering: "delivering"
        case .duplicate: "delivering, but another host also sends as this device: give one of them its own name and token"
        case .refused: "refused with \(status ?? 0): \(detail)"
        case .unreachable: "not reached: \(detail)"
        case .failing: "failing: \(detail)"
        }
    }

    /// The stored text.
    var stored: String { "\(kind.rawValue) \(status ?? 0) \(since.ms) \(detail)" }

    init?(stored: String) {
        let parts = stored.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 4, let kind = Kind(rawValue: String(parts[0])), let status = Int(parts[1]), let since = Int64(parts[2]) else {
            return nil
        }
        self.init(kind, status: status == 0 ? nil : status, detail: String(parts[3]), since: Instant(ms: since))
    }

    /// The device's condition according to the cloud's answers.
    package var condition: DeviceCondition {
        switch kind {
        case .refused: DeviceCondition(.refused, since: since, detail: "\(status ?? 0): \(detail)")
        case .duplicate:
            DeviceCondition(.duplicate, since: since, detail: "two hosts send as this device: give one a name and a token of its own")
        case .delivering, .unreachable, .failing: .ok
        }
    }

    package var isDelivering: Bool { kind == .delivering || kind == .duplicate }
}

/// The uplink's state and error counts of this run, kept in memory so that they are shown even if the disk cannot be written.
package final class UplinkStatus: Sendable {
    private let state = Mutex<(current: UplinkState?, errors: [UplinkState.Kind: Int])>((nil, [:]))

    /// - Parameter last: the state stored by the previous run, shown until the first exchange.
    package init(last: UplinkState? = nil) { state.withLock { $0.current = last } }

    package var current: UplinkState? { state.withLock { $0.current } }
    package var errors: [UplinkState.Kind: Int] { state.withLock { $0.errors } }

    /// - Returns: the new state. `since` is kept if kind and HTTP status did not change.
    func set(_ kind: UplinkState.Kind, status: Int? = nil, detail: String = "", at now: Instant) -> UplinkState {
        state.withLock { state in
            if ![.delivering, .duplicate].contains(kind) { state.errors[kind, default: 0] += 1 }
            let isSame = state.current.map { $0.kind == kind && $0.status == status } ?? false
            let next = UplinkState(kind, status: status, detail: detail, since: isSame ? state.current?.since ?? now : now)
            state.current = next
            return next
        }
    }
}
