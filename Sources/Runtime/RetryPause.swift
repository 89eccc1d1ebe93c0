/// The pauses between attempts that fail one after another: the first pause, then twice the pause before, up to the longest.
package struct RetryPause: Sendable, Equatable {
    private let first: Duration
    private let longest: Duration
    private var following: Duration

    package init(first: Duration, longest: Duration) {
        self.first = first
        self.longest = longest
        following = first
    }

    /// The pause after one more failure.
    package mutating func next() -> Duration {
        defer { following = min(longest, following * 2) }
        return following
    }

    /// Starts with the first pause again. Call after a successful attempt.
    package mutating func reset() { following = first }
}
