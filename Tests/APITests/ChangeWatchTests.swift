import ArchiveExamples
import Foundation
import Measures
import Runtime
import Testing
import Wire

@testable import API
@testable import Archive

@Suite(.timeLimit(.minutes(1))) struct ChangeWatchTests {
    private let place = TemporaryArchive()

    private struct Bench {
        let archive: Archive
        let feed = ChangeFeed()
        let streams = EventStreams(limit: 8)
        let devices = ChangedDevices()
        let watch: ChangeWatch

        init(_ place: TemporaryArchive) async throws {
            archive = try await place.open()
            watch = ChangeWatch(
                feed: feed, streams: streams, devices: devices, reader: try await place.open(.readOnly), log: Log("test", minimumLevel: .error))
        }

        /// The kinds and devices of the changes that one step publishes.
        func step(_ known: inout ChangeWatch.Known?) async throws -> [String] {
            let before = feed.last
            known = try await watch.publish(since: known)
            guard feed.last > before, case .changes(let changes, _) = try await feed.news(after: before) else { return [] }
            return changes.map { [$0.kind.rawValue, $0.device].compactMap { $0 }.joined(separator: " ") }
        }
    }

    /// Stores readings that arrive now, as a server does.
    private func send(_ bench: Bench, _ device: Int64, _ sequences: ClosedRange<Int64>) async throws {
        let batch = try place.batch(sequences)
        _ = try await place.submit(bench.archive, [.batch(try BatchArrival(device: device, batch: batch, receivedAt: WallClock.now))])
        // With PostgreSQL another server may have stored the batch: this server is not told.
        if !TemporaryArchive.isPostgres { bench.devices.insert([device]) }
    }

    @Test func `a device is published when its observations are derived, by whichever server it was stored`() async throws {
        let bench = try await Bench(place)
        let attic = try await place.device(bench.archive, "attic")
        var known: ChangeWatch.Known?
        #expect(try await bench.step(&known) == ["fleet", "models"], "the first step cannot know what has changed")
        #expect(try await bench.step(&known) == [])
        try await send(bench, attic, 1...30)
        #expect(try await bench.step(&known) == [], "its observations are not derived yet")
        try await place.derive(bench.archive)
        let position = bench.feed.last
        #expect(try await bench.step(&known).contains("device attic"))
        guard case .changes(let changes, _) = try await bench.feed.news(after: position), let change = changes.first else {
            return #expect(Bool(false), "there is a change")
        }
        let document = try #require(try JSONSerialization.jsonObject(with: Data(change.data)) as? [String: Any])
        #expect(document["id"] as? String == "attic" && (document["sensors"] as? [Any])?.count == 1)
    }

    @Test func `changes by people and by runs are published once`() async throws {
        let bench = try await Bench(place)
        _ = try await place.device(bench.archive, "attic")
        var known: ChangeWatch.Known?
        _ = try await bench.step(&known)
        try await bench.archive.move(#require(DeviceID("attic")), to: "Depot 2", by: .named("nina"), now: place.now)
        #expect(try await bench.step(&known) == ["fleet"])
        _ = try await bench.archive.startRun(kind: "train", cause: "test", by: .named("nina"), now: place.now)
        #expect(try await bench.step(&known).contains("models"))
        #expect(try await bench.step(&known) == [])
    }

    @Test func `of many changed devices only watched ones are published, and readers are told to load the list`() async throws {
        let bench = try await Bench(place)
        var ids: [Int64] = []
        for number in 0...200 { ids.append(try await place.device(bench.archive, "n\(number)")) }
        try bench.streams.open(by: "nina", about: "n7")
        var known: ChangeWatch.Known?
        _ = try await bench.step(&known)
        bench.devices.insert(ids)
        #expect(try await bench.step(&known) == ["device n7", "fleet"])
    }
}
