import Foundation
import Testing

@testable import API

@Suite(.timeLimit(.minutes(1))) struct ChangeFeedTests {
    private func change(_ device: String, bytes: Int = 2) -> ChangeFeed.Change {
        ChangeFeed.Change(kind: .device, device: device, data: Array(repeating: UInt8(ascii: "x"), count: bytes))
    }

    @Test func `every reader gets each change once, in order, from its own position`() async throws {
        let feed = ChangeFeed(name: "a")
        let start = feed.last
        feed.publish([change("attic")])
        let middle = feed.last
        feed.publish([change("vault"), change("shed")])
        #expect(try await feed.news(after: start) == .changes([change("attic"), change("vault"), change("shed")], through: 3))
        #expect(try await feed.news(after: middle) == .changes([change("vault"), change("shed")], through: 3))
    }

    @Test func `a reader waits until the next change or beat`() async throws {
        let feed = ChangeFeed()
        for round in 1...50 as ClosedRange<Int64> {
            let place = feed.last
            async let news = feed.news(after: place)
            async let other = feed.news(after: place)
            feed.publish([change("n\(round)")])
            #expect(try await news == .changes([change("n\(round)")], through: round))
            #expect(try await other == .changes([change("n\(round)")], through: round))
        }
        let waiting = Task { try await feed.news(after: 50) }
        var news: ChangeFeed.News?
        let beats = Task {
            while !Task.isCancelled {
                feed.beat()
                await Task.yield()
            }
        }
        news = try await waiting.value
        beats.cancel()
        #expect(news == ChangeFeed.News.none)
    }

    @Test func `a reader that is cancelled stops waiting`() async throws {
        let feed = ChangeFeed()
        for _ in 0..<50 {
            let waiting = Task { try await feed.news(after: 0) }
            waiting.cancel()
            await #expect(throws: CancellationError.self) { _ = try await waiting.value }
        }
    }

    @Test func `the feed is bounded by number and by bytes, and a reader that is too far behind is told that it has missed changes`() async throws {
        let many = ChangeFeed()
        for number in 0..<30 { many.publish((0..<100).map { change("n\(number)-\($0)") }) }
        #expect(try await many.news(after: 0) == .missed(through: 3_000))
        guard case .changes(let kept, 3_000) = try await many.news(after: 1_000) else { return #expect(Bool(false), "2,000 changes are kept") }
        #expect(kept.count == 2_000)
        let large = ChangeFeed()
        for _ in 0..<10 { large.publish([change("big", bytes: 1 << 20)]) }
        #expect(try await large.news(after: 5) == .missed(through: 10))
        #expect(try await large.news(after: 6) == .changes([change("big", bytes: 1 << 20)], through: 7), "one call returns about 64 KB")
        #expect(try await large.news(after: 11) == .missed(through: 10), "a place that this feed has not reached")
    }

    @Test func `a reader that returns after a time without readers is told that it has missed changes`() async throws {
        let feed = ChangeFeed()
        feed.publish([change("attic")])
        let position = feed.last
        feed.forget()
        #expect(try await feed.news(after: position) == .missed(through: feed.last))
        feed.forget()
        let later = feed.last
        feed.publish([change("vault")])
        #expect(try await feed.news(after: later) == .changes([change("vault")], through: later + 1))
    }

    @Test func `the position in another server's feed is not used`() {
        let feed = ChangeFeed(name: "a1")
        #expect(EventPosition("a1-7", in: feed)?.number == 7)
        for text in [nil, "", "7", "b2-7", "a1-", "a1--7", "a1-x", "a1-7-7"] as [String?] {
            #expect(EventPosition(text, in: feed) == nil, "\(text ?? "")")
        }
    }

    @Test func `the last event of a group has the id`() {
        let feed = ChangeFeed(name: "f")
        let changes = [change("attic"), ChangeFeed.Change(kind: .models, data: Array("{}".utf8))]
        let text = String(decoding: EventText.changes(changes, position: EventPosition(9, in: feed)), as: UTF8.self)
        #expect(text == "event: device\ndata: xx\n\nevent: models\nid: f-9\ndata: {}\n\n")
        #expect(EventText.changes([], position: EventPosition(9, in: feed)).isEmpty)
    }

    @Test func `the number of streams is limited, in total and per person`() throws {
        let streams = EventStreams(limit: 100)
        for _ in 0..<64 { try streams.open(by: "nina", about: "attic") }
        #expect(throws: (any Error).self) { try streams.open(by: "nina", about: nil) }
        for _ in 0..<36 { try streams.open(by: "otto", about: nil) }
        #expect(throws: (any Error).self) { try streams.open(by: "mara", about: nil) }
        #expect(streams.filteredDevices == ["attic"] && streams.count == 100)
        for _ in 0..<64 { streams.close(by: "nina", about: "attic") }
        #expect(streams.filteredDevices.isEmpty)
        try streams.open(by: "nina", about: nil)
    }
}
