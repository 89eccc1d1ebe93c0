/// Limits on how often clients may send requests, and on how much server time a device may use.
final class RequestRates: Sendable {
    let device = RateLimit("requests", perSecond: 100, burst: 400, detail: "this device sends requests too often: at most 100 a second")
    /// Limits the server time that a device uses, in milliseconds: the costs of requests differ by a factor of thousands.
    let deviceCost = RateLimit(
        "server-time-ms", perSecond: 250, burst: 2_000, detail: "this device's requests use too much server time: at most a quarter of a processor")
    // Enrolment codes are short, so attempts are limited: per address first, so that one address cannot use up the limit for all.
    let enrolmentsPerAddress = RateLimit(
        "enrolments-per-address", perSecond: 1, burst: 20, detail: "too many enrolments at once from this address: try again in a moment")
    let enrolments = RateLimit("enrolments", perSecond: 100, burst: 1_000, detail: "too many enrolments at once: try again in a moment")
    // Passwords can be guessed, so attempts are limited, right or wrong. The limit for a name from all addresses together is the loosest: otherwise anyone
    // could keep a person from signing in.
    let signInsPerAddress = RateLimit(
        "sign-ins-per-address", perSecond: 0.2, burst: 20, detail: "too many attempts to sign in from this address: try again in a moment")
    let signInsPerNameAndAddress = RateLimit(
        "sign-ins-per-name-and-address", perSecond: 1.0 / 30, burst: 10, detail: "too many attempts to sign in under this name: try again in a minute"
    )
    let signInsPerName = RateLimit(
        "sign-ins-per-name", perSecond: 1, burst: 200, detail: "too many attempts to sign in under this name: try again in a minute")
    let renewals = RateLimit(
        "token-renewals", perSecond: 1.0 / 60, burst: 20, detail: "this device renews its token too often: try again in a minute")

    /// The key of a name or an address.
    static func key(_ text: String) -> Int64 { Int64(truncatingIfNeeded: text.hashValue) }
}
