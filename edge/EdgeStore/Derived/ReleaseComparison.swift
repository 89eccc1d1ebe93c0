package import Forecasting

/// The errors of the release in use and of the last good release (its rival), for all forecasts whose target is the same observation.
package struct ReleaseComparison: Sendable {
    package let release: UInt64  // counters
    package let rival: UInt64
    package let errors: [PairedError]

    package init(release: UInt64, rival: UInt64, errors: [PairedError]) { (self.release, self.rival, self.errors) = (release, rival, errors) }
}
