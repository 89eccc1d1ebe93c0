@testable import API
import Measures
import Testing

@Suite struct TokenBucketsTests {
    private func at(_ ms: Int64) -> Instant { Instant(ms: 1_000_000 + ms) }

    @Test func `a client may send a burst, then a fixed number of requests a second, independent of other clients`() {
        var rate = TokenBuckets(perSecond: 10, burst: 4)
        let first = (0..<6).map { _ in rate.take(1, at: at(0)) }
        #expect(first == [true, true, true, true, false, false])
        let takenByOther = rate.take(2, at: at(0))
        #expect(takenByOther)
        let later = [99, 100, 100, 350].map { rate.take(1, at: at($0)) }
        #expect(later == [false, true, false, true])
    }

    @Test func `a clock that is set back neither adds nor removes allowance`() {
        var rate = TokenBuckets(perSecond: 10, burst: 1)
        let taken = [0, -50_000, -49_900].map { rate.take(1, at: at($0)) }
        #expect(taken == [true, false, true])
    }

    @Test func `a client that honours Retry-After is never rate-limited`() {
        var rate = TokenBuckets(perSecond: 100, burst: 400)
        var (now, refused, waited) = (Int64(0), 0, Int64(0))
        for _ in 0..<5_000 {
            if !rate.take(7, at: at(now)) { refused += 1 }
            let pause = rate.pause(7, at: at(now)).ms
            waited += pause
            now += pause + 1
        }
        #expect(refused == 0)
        #expect(waited > 0 && now < 50_000)
    }

    @Test func `a cost that is charged afterwards delays the next request, and the wait is reported`() {
        var rate = TokenBuckets(perSecond: 100, burst: 200)
        let now = Instant(ms: 1_700_000_000_000)
        rate.charge(1, 450, at: now)
        let early = rate.take(1, at: now)
        let wait = rate.wait(1, at: now)
        let other = rate.take(2, at: now)
        let late = rate.take(1, at: now + wait)
        #expect(!early && wait == .milliseconds(2_510) && other && late)
    }

    @Test func `a hundred thousand clients with one request each pass, and idle clients are forgotten`() {
        var rate = TokenBuckets(perSecond: 1, burst: 2)
        let now = Instant(ms: 1_700_000_000_000)
        let taken = (0..<100_000 as Range<Int64>).count { rate.take($0, at: now + .milliseconds($0)) }
        #expect(taken == 100_000)
        // Only the clients of the last seconds are still remembered.
        #expect(rate.remembered < 20_000)
    }
}
