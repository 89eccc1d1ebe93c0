internal import APIDocuments
internal import Archive
internal import HTTPServer
internal import Measures
internal import Page
internal import Runtime
internal import Text
internal import Wire

/// Requests from devices that run the agent: to store a batch, to get the release.
extension CloudAPI {
    var deviceEndpoints: [Endpoint] {
        [
            .device("POST", "/batches") { call, device in try await self.batch(call.request, device) },
            .device("GET", "/release") { call, device in try await self.release(call.request, device) },
            .device("GET", "/release-keys", query: ["after"]) { call, device in try await self.releaseKeys(call.request, device) },
            .device("POST", "/readings") { call, device in try await self.plainReadings(call.request, device) },
            .device("POST", "/token") { call, device in try await self.newToken(call.request, device) },
            Endpoint("POST", "/v1/enrol", .everyone) { call in try await self.enrol(call.request) },
        ]
    }

    private func batch(_ request: HTTPRequest, _ device: Archive.Device) async throws -> HTTPResponse {
        let type = request.headers["content-type"].map { String($0.prefix { $0 != ";" }) } ?? ""
        return try await queues.devices.run(of: device.id) { _ in
            let arrival = try await decodeInTurn(request, device) { try CloudAPI.arrival(request, type, device, at: WallClock.now) }
            guard case .batch(var answer) = try await ingest.submit(.batch(arrival)) else { throw Ingest.Overloaded() }
            charge(device, readings: arrival.frame.readingCount, records: arrival.frame.records.count)
            if !answer.conflicts.isEmpty { rates.deviceCost.charge(device.id, CloudAPI.conflictSearchCostMs, at: WallClock.now) }
            let pause = max(rates.device.pause(device.id, at: arrival.receivedAt), rates.deviceCost.pause(device.id, at: arrival.receivedAt))
            answer.next.delayMs = max(answer.next.delayMs, pause.ms)
            let unstored = answer.refused.count + answer.conflicts.count
            if unstored > 0, let count = unstoredRows.count(unstored, of: device.id) {
                log(
                    .warning, "rows not stored",
                    ["device": device.name, "rows": count, "batch": arrival.frame.name, "reason": answer.refused.first?.reason.name ?? "conflict"])
            }
            let wantsBinary = request.headers["accept"].map { $0.hasPrefix(BatchAcknowledgement.mediaType) } ?? false
            return wantsBinary ? HTTPResponse(type: BatchAcknowledgement.mediaType, body: answer.binary()) : APIResponse.json(answer.json())
        }
    }

    private static func arrival(_ request: HTTPRequest, _ type: String, _ device: Archive.Device, at now: Instant) throws -> BatchArrival {
        do {
            let arrival: BatchArrival
            switch type {
            case BatchFormat.mediaType: arrival = try BatchArrival(device: device.id, frame: BatchFrame(request.body()), receivedAt: now)
            case "application/json": arrival = try BatchArrival(device: device.id, batch: BatchJSON.batch(request.body()), receivedAt: now)
            default: throw Problem(status: 415, detail: "send a batch as application/json or \(BatchFormat.mediaType), not as «\(type.prefix(80))»")
            }
            guard arrival.frame.epoch != .server else {
                throw Problem(status: 400, detail: "/epoch: 0000000000000000 is reserved for the server", pointer: "/epoch")
            }
            return arrival
        } catch BatchRefusal.version(let version) {
            throw Problem(status: 415, detail: "batch version \(version) is not supported: this server accepts version \(BatchFormat.version)")
        } catch BatchRefusal.malformed(let pointer, let what) {
            throw Problem(status: 400, detail: "\(pointer.isEmpty ? "the batch" : pointer): \(what)", pointer: pointer)
        } catch let error as BatchRefusal {
            throw Problem(status: 400, detail: "\(error)")
        }
    }

    /// Decodes a device's request body when it is the device's turn, and charges the device for the decoding time.
    func decodeInTurn<Value: Sendable>(
        _ request: HTTPRequest, _ device: Archive.Device, _ work: @Sendable () throws -> Value
    ) async throws -> Value {
        let (result, cost) =
            request.isSmall
            ? ComputingThread.measureHere(work)
            : try await queues.decoding.run(of: device.id) { lane in await queues.decodingThreads[lane].measure(work) }
        rates.deviceCost.charge(
            device.id, Double(cost.components.attoseconds) / 1e15 + Double(cost.components.seconds) * 1_000, at: WallClock.now)
        return try result.get()
    }

    /// The cost, in milliseconds, of a search for conflicting rows under the device's other epochs.
    private static let conflictSearchCostMs = 50.0

    /// Charges the device, in milliseconds, for the later work of storing rows and deriving observations. The constants were measured on a
    /// shared server with two cores.
    func charge(_ device: Archive.Device, readings: Int, records: Int) {
        rates.deviceCost.charge(device.id, 0.1 + Double(readings) / 2_000 + Double(records) / 60, at: WallClock.now)
    }

    private func release(_ request: HTTPRequest, _ device: Archive.Device) async throws -> HTTPResponse {
        guard let name = try await tokenReader.release(for: device.id) else { throw Problem.noRelease }
        let tag = "\"\(Hexadecimal.text(name.sha256))\""
        let headers = [("ETag", tag), ("Cache-Control", "no-cache"), ("Vaho-Release-Counter", String(name.counter)), ("Accept-Ranges", "bytes")]
        if request.headers["if-none-match"]?.contains(tag) == true { return HTTPResponse(status: 304, headers: headers) }
        guard let bytes = try await tokenReader.releaseBytes(counter: name.counter) else { throw Problem.noRelease }
        let whole = [("Content-Type", "application/vnd.vaho.release")] + headers
        guard let range = request.headers["range"] else { return HTTPResponse(status: 200, headers: whole, body: bytes) }
        guard let part = ByteRange.parse(range, length: bytes.count) else {
            throw Problem(
                status: 416, detail: "Range: \(range.prefix(80)) is not within 0 to \(bytes.count - 1)",
                headers: [("Content-Range", "bytes */\(bytes.count)")])
        }
        return HTTPResponse(
            status: 206, headers: whole + [("Content-Range", "bytes \(part.lowerBound)-\(part.upperBound)/\(bytes.count)")], body: Array(bytes[part]))
    }
}

extension HTTPRequest {
    /// Whether decoding the body takes less time than waiting for a thread that decodes: at most 16 KB, and not compressed.
    fileprivate var isSmall: Bool {
        headers["content-encoding"] == nil && (headers["content-length"].flatMap(Int.init) ?? .max) <= 16_384
    }
}

extension Problem {
    fileprivate static let noRelease = Problem(status: 404, detail: "there is no release yet: the server trains one when it has enough data")
}

/// Parses a Range header with one range: `bytes=A-B`, `bytes=A-` or `bytes=-N`.
enum ByteRange {
    static func parse(_ header: String, length: Int) -> ClosedRange<Int>? {
        guard header.hasPrefix("bytes="), length > 0 else { return nil }
        let ends = header.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2 else { return nil }
        switch (Int(ends[0]), Int(ends[1])) {
        case (let first?, let last?) where first >= 0 && first <= last && first < length: return first...min(last, length - 1)
        case (let first?, nil) where first >= 0 && ends[1].isEmpty && first < length: return first...(length - 1)
        case (nil, let count?) where ends[0].isEmpty && count > 0: return max(0, length - count)...(length - 1)
        default: return nil
        }
    }
}
