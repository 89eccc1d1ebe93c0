internal import Forecasting
package import Releases
internal import Synchronization
package import Wire

/// The release in use, shared by all forecasters.
package final class ActiveRelease: Sendable {
    package struct Named: Sendable {
        package let name: ReleaseReference
        package let release: Release
    }

    private let state = Mutex<Named?>(nil)
    package init() {}
    package var current: Named? { state.withLock { $0 } }
    /// The network and counter of the release; `nil` and 0 without a release.
    var network: (weights: Network?, counter: UInt64) {
        state.withLock { ($0?.release.network, $0?.release.header.counter ?? 0) }
    }
    func replace(with named: Named?) { state.withLock { $0 = named } }
}
