package import Measures

/// A forecast, when it was made, and by which release.
package struct IssuedForecast: Sendable, Equatable {
    package let forecast: QuantileForecast
    package let issuedAt: Instant
    package let releaseCounter: UInt64  // 0: made without a release, or by the one that ships

    package init(forecast: QuantileForecast, issuedAt: Instant, releaseCounter: UInt64) {
        self.forecast = forecast
        self.issuedAt = issuedAt
        self.releaseCounter = releaseCounter
    }
}
