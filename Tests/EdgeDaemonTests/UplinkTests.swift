@testable import EdgeDaemon
import EdgeStore
import StoreExamples
import Foundation
import HTTPClient
import HTTPServer
import Measures
import Runtime
import Synchronization
import Testing
import Wire

/// An uplink, a store with readings, and a server on loopback that answers as the test says.
@Suite(.serialized) struct UplinkTests {
    /// Records every received batch and the sequences that it has accepted.
    private final class Cloud: Sendable {
        struct Taken { let batch: Batch; let isCompressed: Bool }
        private let state = Mutex<(held: HeldRanges, came: [Taken])>((HeldRanges(), []))

        var came: [Taken] { state.withLock { $0.came } }
        var held: HeldRanges { state.withLock { $0.held } }

        func note(_ batch: Batch, isCompressed: Bool) { state.withLock { $0.came.append(Taken(batch: batch, isCompressed: isCompressed)) } }

        func accept(_ batch: Batch, next: BatchAcknowledgement.Pacing = .init(delayMs: 0, maxReadings: 5_000, maxBytes: 1 << 20)) -> HTTPResponse {
            let held = state.withLock { state in
                if !batch.rows.isEmpty { state.held.insert(batch.first...batch.last) }
                return state.held
            }
            let answer = BatchAcknowledgement(
                epoch: batch.epoch, through: held.through, held: held.ranges.filter { $0.lowerBound > held.through }, refused: [], conflicts: [],
                next: next, release: nil)
            return HTTPResponse(type: BatchAcknowledgement.mediaType, body: answer.binary())
        }

        static func problem(_ status: Int) -> HTTPResponse {
            HTTPResponse(status: status, type: "application/problem+json", body: Array(#"{"status":\#(status)}"#.utf8))
        }
    }

    /// Runs an uplink with 2,500 readings (rows 2 to 2,501) until `isDone` holds.
    private func run(
        firstBackoff: Duration = .milliseconds(1), until isDone: @escaping @Sendable (Cloud, ReadingStore) async -> Bool,
        _ answer: @escaping @Sendable (Cloud, Batch, [String: String]) -> HTTPResponse
    ) async throws -> (cloud: Cloud, life: Life) {
        let cloud = Cloud()
        let (progress, step) = AsyncStream.makeStream(of: Void.self)
        let server = try HTTPServer(
            address: "127.0.0.1", port: 0, limits: HTTPLimits(bodyBytes: 1 << 20), makeRefusal: { status, _ in HTTPResponse(status: status) }
        ) { request in
            defer { step.yield() }
            guard let batch = try? Batch(binary: request.body()) else { return HTTPResponse(status: 500) }
            cloud.note(batch, isCompressed: request.headers["content-encoding"] != nil)
            return answer(cloud, batch, request.headers)
        }
        let store = try await ReadingStore(
            path: ":memory:", host: HostIdentity(fingerprint: "a", bootID: "b"), log: Log("test", minimumLevel: .error))
        let air = try #require(SensorName("air"))
        try await store.register(air)
        try await store.append(
            (1...2_500).map { minute in
                .reading(
                    SensorReading(
                        sensor: air,
                        reading: Reading(
                            takenAt: Instant(ms: minute * 60_000), humidityMpct: Int32(45_000 + 1_000 * (minute * minute % 17) + minute % 3), boot: 1,
                            boottimeMs: minute * 60_000)))
            })
        let uplink = Uplink(
            device: try #require(DeviceID("attic")), url: "http://127.0.0.1:\(server.port)", token: DeviceToken("secret", path: "/nonexistent"),
            period: .milliseconds(1), firstBackoff: firstBackoff, client: HTTPClient(settings: HTTPClient.Settings(userAgent: "test")),
            store: store, intake: ModelIntake(folder: "/nonexistent", keyFile: nil, access: .readOnly, log: Log("test", minimumLevel: .error)),
            clock: ReadingClock.live(), status: UplinkStatus(), statuses: SensorStatuses(store: store), thresholds: [], samplePeriod: .seconds(60),
            sensors: [], settings: nil,
            log: Log("test", minimumLevel: .error))
        let running = Task { try await uplink.run() }
        for await _ in progress {
            if await isDone(cloud, store) { break }
        }
        running.cancel()
        _ = await running.result
        await server.stop()
        return (cloud, await store.current)
    }

    private static func isDelivered(_ cloud: Cloud, _ store: ReadingStore) async -> Bool { await store.lives.allSatisfy { $0.backlog == 0 } }

    @Test(.timeLimit(.minutes(1))) func `batches are compressed after an answer allows it, and hold the same rows`() async throws {
        let (cloud, life) = try await run(until: UplinkTests.isDelivered) { cloud, batch, _ in
            cloud.accept(batch, next: .init(delayMs: 0, maxReadings: 100, maxBytes: 1 << 20))
        }
        #expect(cloud.held.ranges == [1...2_501] && life.held.ranges == [1...2_501])
        let rows = cloud.came.filter { !$0.batch.rows.isEmpty }
        #expect(!rows[0].isCompressed)
        let full = rows.dropFirst().filter { $0.batch.rows.count == 100 }
        #expect(full.count >= 20 && full.allSatisfy { $0.isCompressed })
    }

    @Test(.timeLimit(.minutes(1))) func `a cloud that stops accepting compressed bodies gets the rows uncompressed`() async throws {
        let (cloud, life) = try await run(until: UplinkTests.isDelivered) { cloud, batch, headers in
            if headers["content-encoding"] != nil { return Cloud.problem(400) }
            return cloud.accept(batch, next: .init(delayMs: 0, maxReadings: 150, maxBytes: 1 << 20))
        }
        #expect(life.held.ranges == [1...2_501] && life.refused == 0)
        #expect(cloud.came.contains { $0.isCompressed })
    }

    @Test(.timeLimit(.minutes(1))) func `a row that the cloud always refuses is found, set aside and counted, and all others arrive`() async throws {
        let (cloud, life) = try await run(until: UplinkTests.isDelivered) { cloud, batch, _ in
            !batch.rows.isEmpty && (batch.first...batch.last).contains(123) ? Cloud.problem(400) : cloud.accept(batch)
        }
        #expect(cloud.held.ranges == [1...122, 124...2_501])
        #expect(life.refused == 1 && life.outstanding.isEmpty)
        #expect(cloud.came.count < 100)
    }

    @Test(.timeLimit(.minutes(1))) func `a batch that a proxy finds too large is sent in parts, and no row is set aside`() async throws {
        let (cloud, life) = try await run(until: UplinkTests.isDelivered) { cloud, batch, _ in
            batch.rows.count > 30 ? HTTPResponse(status: 413, type: "text/html", body: Array("<h1>too large</h1>".utf8)) : cloud.accept(batch)
        }
        #expect(cloud.held.ranges == [1...2_501])
        #expect(life.refused == 0)
    }

    @Test(.timeLimit(.minutes(1)), arguments: [400, 422, 500, 502]) func `an answer that is not from the cloud sets no rows aside`(status: Int)
        async throws
    {
        let (cloud, life) = try await run(until: { cloud, _ in cloud.came.count >= 5 }) { _, _, _ in
            HTTPResponse(status: status, type: "text/html", body: Array("<h1>proxy</h1>".utf8))
        }
        #expect(life.refused == 0 && life.backlog == 2_501)
        #expect(cloud.came.allSatisfy { !$0.batch.rows.isEmpty })
    }

    @Test(.timeLimit(.minutes(1))) func `a report that the cloud refuses sets no rows aside`() async throws {
        let (_, life) = try await run(until: { cloud, _ in cloud.came.filter { $0.batch.rows.isEmpty }.count >= 3 }) { cloud, batch, _ in
            batch.rows.isEmpty ? Cloud.problem(400) : cloud.accept(batch)
        }
        #expect(life.refused == 0 && life.held.ranges == [1...2_501])
    }

    @Test(.timeLimit(.minutes(1))) func `an answer that settles nothing is a failure, and the pause doubles before each retry`() async throws {
        let started = ContinuousClock.now
        let (cloud, life) = try await run(firstBackoff: .milliseconds(100), until: { cloud, _ in cloud.came.count >= 4 }) { _, batch, _ in
            let answer = BatchAcknowledgement(
                epoch: batch.epoch, through: 0, held: [], refused: [], conflicts: [], next: .init(delayMs: 0, maxReadings: 5_000, maxBytes: 1 << 20),
                release: nil)
            return HTTPResponse(type: BatchAcknowledgement.mediaType, body: answer.binary())
        }
        #expect(ContinuousClock.now - started >= .milliseconds(100 + 200 + 400))
        #expect(life.backlog == 2_501)
        #expect(cloud.held.ranges.isEmpty)
    }

    @Test(.timeLimit(.minutes(1))) func `a cloud that refuses every report still gets every row`() async throws {
        let (cloud, life) = try await run(until: UplinkTests.isDelivered) { cloud, batch, _ in
            batch.report != nil ? Cloud.problem(400) : cloud.accept(batch)
        }
        #expect(cloud.held.ranges == [1...2_501])
        #expect(life.refused == 0)
    }

    @Test(.timeLimit(.minutes(1))) func `a single refusal of a single row sets no row aside`() async throws {
        let refusals = Mutex(0)
        let (cloud, life) = try await run(until: UplinkTests.isDelivered) { cloud, batch, _ in
            let isRefused =
                batch.rows.count == 1
                && refusals.withLock { count in
                    count += 1
                    return count == 1
                }
            return isRefused || batch.rows.count > 1 && refusals.withLock { $0 == 0 } ? Cloud.problem(400) : cloud.accept(batch)
        }
        #expect(cloud.held.ranges == [1...2_501])
        #expect(life.refused == 0)
    }

    @Test(.timeLimit(.minutes(1))) func `a batch stays below the byte limit of the cloud's answer`() async throws {
        let next = BatchAcknowledgement.Pacing(delayMs: 0, maxReadings: 5_000, maxBytes: 400)
        let (cloud, _) = try await run(until: UplinkTests.isDelivered) { cloud, batch, _ in cloud.accept(batch, next: next) }
        #expect(cloud.held.ranges == [1...2_501])
        #expect(cloud.came.dropFirst().allSatisfy { $0.batch.binary().count <= 400 })
    }

    @Test(.timeLimit(.minutes(1))) func `the uplink honours Retry-After`() async throws {
        let asked = Mutex(0)
        let started = ContinuousClock.now
        let (cloud, _) = try await run(until: UplinkTests.isDelivered) { cloud, batch, _ in
            let isFirst = asked.withLock { asked in
                asked += 1
                return asked == 1
            }
            return isFirst ? HTTPResponse(status: 503, headers: [("Retry-After", "1")]) : cloud.accept(batch)
        }
        #expect(cloud.held.ranges == [1...2_501])
        #expect(ContinuousClock.now - started >= .seconds(1))  // the first backoff is a millisecond
    }

    @Test(arguments: [
        (#"{"title":"No","status":403,"detail":"the code «A\"B\\C» is spent"}"#, #"the code «A"B\C» is spent"#), ("<h1>502</h1>", "<h1>502</h1>"),
        (#"{"detail":"cut"#, "cut"), ("", ""),
    ])
    func `the error text is the detail of a problem document, or the beginning of any other body`(body: String, problemText: String) {
        #expect(CloudRefusal.problemText(Array(body.utf8)) == problemText)
    }
}
