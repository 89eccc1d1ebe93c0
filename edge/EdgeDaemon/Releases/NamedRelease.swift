internal import Forecasting
package import Measures
package import Releases
package import Wire

/// A release that forecasts on this device.
package struct NamedRelease: Sendable {
    package let name: ReleaseReference
    package let release: Release
    package var since = Instant(ms: 0)  // on the clock of the readings
    var rival: Rival?

    /// The release that forecasts in the shadow: the one that the device would go back to.
    struct Rival: Sendable {
        let name: ReleaseReference
        let network: Network
    }

    package init(name: ReleaseReference, release: Release) { (self.name, self.release) = (name, release) }
}

/// The parts of the release in use that a forecaster needs.
struct ForecastModel: Sendable {
    var network: Network?
    var counter: UInt64 = 0  // 0: the shipped release or none
    var rival: NamedRelease.Rival?
    var since = Instant(ms: 0)

    init() {}
    init(_ named: NamedRelease) {
        (network, counter) = (named.release.network, named.release.header.counter)
        (rival, since) = (named.rival, named.since)
    }
}
