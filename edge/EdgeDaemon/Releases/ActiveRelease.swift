internal import Forecasting
package import Measures
package import Releases
internal import Synchronization
package import Wire

/// The release in use, shared by all forecasters.
package final class ActiveRelease: Sendable {
    package struct Named: Sendable {
        package let name: ReleaseReference
        package let release: Release
        package var since = Instant(ms: 0)  // on the clock of the readings
        var rival: Rival?

        package init(name: ReleaseReference, release: Release) { (self.name, self.release) = (name, release) }
    }

    /// The release that forecasts in the shadow: the one that the device would go back to.
    struct Rival: Sendable {
        let name: ReleaseReference
        let network: Network
    }

    private let state = Mutex<Named?>(nil)
    package init() {}
    package var current: Named? { state.withLock { $0 } }
    var model: ForecastModel { current.map(ForecastModel.init) ?? ForecastModel() }
    func replace(with named: Named?) { state.withLock { $0 = named } }
}

/// What a forecaster needs to know of the release in use.
struct ForecastModel: Sendable {
    var network: Network?
    var counter: UInt64 = 0  // 0: the shipped release or none
    var rival: ActiveRelease.Rival?
    var since = Instant(ms: 0)

    init() {}
    init(_ named: ActiveRelease.Named) {
        (network, counter) = (named.release.network, named.release.header.counter)
        (rival, since) = (named.rival, named.since)
    }
}
