package import Measures

/// A forecast with its time of issue and its release.
package struct IssuedForecast: Sendable, Equatable {
    package let forecast: QuantileForecast
    package let issuedAt: Instant
    package let releaseCounter: UInt64  // 0: issued without a release, or with the release built into the program

    package init(forecast: QuantileForecast, issuedAt: Instant, releaseCounter: UInt64) {
        self.forecast = forecast
        self.issuedAt = issuedAt
        self.releaseCounter = releaseCounter
    }
}
