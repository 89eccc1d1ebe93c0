@testable import API
import Measures
import Testing

@Suite struct RequestRateTests {
    private func at(_ ms: Int64) -> Instant { Instant(ms: 1_000_000 + ms) }

    @Test func `so many at once, then as many a second; others are not touched by it`() {
        var rate = RequestRate(perSecond: 10, burst: 4)
        let first = (0..<6).map { _ in rate.take(1, at: at(0)) }
        #expect(first == [true, true, true, true, false, false])
        let takenByOther = rate.take(2, at: at(0))
        #expect(takenByOther)
        let later = [99, 100, 100, 350].map { rate.take(1, at: at($0)) }
        #expect(later == [false, true, false, true])
    }

    @Test func `a clock that is set back gives nothing and takes nothing`() {
        var rate = RequestRate(perSecond: 10, burst: 1)
        let taken = [0, -50_000, -49_900].map { rate.take(1, at: at($0)) }
        #expect(taken == [true, false, true])
    }

    @Test func `who waits as long as he is asked to is never refused`() {
        var rate = RequestRate(perSecond: 100, burst: 400)
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
}
