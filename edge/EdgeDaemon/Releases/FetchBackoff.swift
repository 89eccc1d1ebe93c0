internal import Runtime
internal import Wire

/// When a release that the cloud offers may be fetched. A value type: the caller passes the time.
///
/// A cloud may announce a hash and a counter that no file has; then every fetch fails. A release that was refused for its content is not
/// fetched again. After another failure the same release is fetched again after 1 min, doubling to 1 h; a different release after 1 min.
struct FetchBackoff: Sendable {
    private static let pause = RetryPause(first: .seconds(60), longest: .seconds(3_600))

    private var refused: ReleaseReference?
    private var failed: ReleaseReference?
    private var retryAt: ContinuousClock.Instant?  // of the failed release
    private var otherAt: ContinuousClock.Instant?  // of every other release
    private var pauses = FetchBackoff.pause

    func allows(_ name: ReleaseReference, at now: ContinuousClock.Instant) -> Bool {
        guard refused != name, let due = failed == name ? retryAt : otherAt else { return refused != name }
        return now >= due
    }

    mutating func failed(_ name: ReleaseReference?, at now: ContinuousClock.Instant) {
        if failed != name || retryAt == nil { pauses.reset() }
        (failed, retryAt, otherAt) = (name, now + pauses.next(), now + .seconds(60))
    }

    mutating func refused(_ name: ReleaseReference?) { refused = name }

    mutating func succeeded() { (failed, retryAt, otherAt) = (nil, nil, nil) }
}
