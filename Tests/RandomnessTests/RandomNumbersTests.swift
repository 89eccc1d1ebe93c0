import Randomness
import Testing

@Suite struct RandomNumbersTests {
    /// From the reference implementation of SplitMix64 by Sebastiano Vigna (prng.di.unimi.it/splitmix64.c) with the seed 0.
    @Test func `a generator without seed parts is SplitMix64 with seed 0`() {
        var random = RandomNumbers()
        #expect([random.next(), random.next()] == [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4])
    }

    @Test func `random numbers lie between 0 and 1 and average one half`() {
        var random = RandomNumbers(1)
        let shares = (0..<10_000).map { _ in random.unitFloat() }
        #expect(shares.allSatisfy { (0..<1).contains($0) })
        #expect((shares.reduce(0, +) / 10_000 - 0.5).magnitude < 0.02)
    }

    @Test func `a shuffle keeps every element, and every index below the bound is drawn`() {
        var random = RandomNumbers(2)
        var order = Array(0..<1_000)
        random.shuffle(&order)
        #expect(order != Array(0..<1_000) && order.sorted() == Array(0..<1_000))
        #expect(Set((0..<200).map { _ in random.index(below: 7) }) == Set(0..<7))
    }
}
