internal import APIDocuments
internal import Access
internal import Archive
internal import HTTPServer
internal import Measures
internal import Runtime

/// `GET /v1/events`: changes as server-sent events, while they happen.
extension CloudAPI {
    var eventEndpoints: [Endpoint] {
        [Endpoint("GET", "/v1/events", .people(.viewer), query: ["device"]) { call in try await self.events(call) }]
    }

    private static let headers = [
        (name: "Content-Type", value: "text/event-stream"), (name: "Cache-Control", value: "no-store"),
        (name: "X-Accel-Buffering", value: "no"),  // nginx passes events on at once
    ]

    private static let accessCheckPeriod: Duration = .seconds(10)
    private static let longestSilence: Duration = .seconds(15)

    private func events(_ call: Call) async throws -> HTTPResponse {
        let device = call.request.query["device"]
        if let device {
            guard let name = DeviceID(device), try await tokenReader.device(named: name) != nil else { throw Problem.noDevice(device) }
        }
        let owner = call.principal.person.flatMap { $0.proof == .anonymous ? nil : $0.name } ?? call.request.peer
        try streams.check(owner)
        let (feed, streams, people) = (feed, streams, people)
        let start = EventPosition(call.request.headers["last-event-id"], in: feed)
        return HTTPResponse(headers: CloudAPI.headers) { body in
            do throws(Problem) { try streams.open(by: owner, about: device) } catch {
                // Several streams were opened at once. The status line is already sent, so the refusal is sent as an event.
                return try await body.write(EventText.refusal(error))
            }
            defer { streams.close(by: owner, about: device) }
            var number = start?.number ?? feed.last
            try await body.write(EventText.beginning(isContinued: start != nil, position: EventPosition(number, in: feed)))
            var (checkedAt, writtenAt) = (WallClock.now, WallClock.now)
            while true {
                let news = try await feed.news(after: number)
                let now = WallClock.now
                if now - checkedAt >= CloudAPI.accessCheckPeriod {
                    // A session that has ended, or a token that was revoked, gets nothing more.
                    guard try await people.person(of: call.received(at: now)) != nil else { return }
                    checkedAt = now
                }
                switch news {
                case .changes(let changes, let last):
                    number = last
                    let own = changes.filter { $0.kind != .device || device == nil || $0.device == device }
                    let text = EventText.changes(own, position: EventPosition(number, in: feed))
                    // While only other devices change, beats may come between two waits.
                    guard !text.isEmpty || now - writtenAt >= CloudAPI.longestSilence else { continue }
                    try await body.write(text.isEmpty ? EventText.alive : text)
                case .missed(let last):
                    number = last
                    try await body.write(EventText.reset(EventPosition(number, in: feed)))
                case .none: try await body.write(EventText.alive)
                }
                writtenAt = now
            }
        }
    }
}

/// A reader's position in the feed, as the client sends it back after a broken connection.
struct EventPosition: CustomStringConvertible {
    let feed: String
    let number: Int64

    init(_ number: Int64, in feed: ChangeFeed) { (self.feed, self.number) = (feed.name, number) }

    /// - Parameter text: the header `Last-Event-ID`.
    /// - Returns: `nil` without the header, and for a position in another server's feed.
    init?(_ text: String?, in feed: ChangeFeed) {
        let parts = text?.split(separator: "-", omittingEmptySubsequences: false) ?? []
        guard parts.count == 2, parts[0] == feed.name, let number = Int64(parts[1]), number >= 0 else { return nil }
        (self.feed, self.number) = (feed.name, number)
    }

    var description: String { "\(feed)-\(number)" }
}

/// The text of server-sent events (HTML Living Standard, section 9.2).
enum EventText {
    /// Clients wait 2 s before they connect again.
    static func beginning(isContinued: Bool, position: EventPosition) -> [UInt8] {
        Array("retry: 2000\n".utf8) + (isContinued ? alive : reset(position))
    }

    /// An event and not a comment, so that a page in a browser knows that the connection works.
    static let alive = Array("event: alive\ndata: {}\n\n".utf8)

    /// Changes may be missing before this event: the client loads what it shows again.
    static func reset(_ position: EventPosition) -> [UInt8] { Array("event: reset\nid: \(position)\ndata: {}\n\n".utf8) }

    static func changes(_ changes: [ChangeFeed.Change], position: EventPosition) -> [UInt8] {
        var text: [UInt8] = []
        for (index, change) in changes.enumerated() {
            text += Array("event: \(change.kind.rawValue)\n".utf8)
            // A client that loses the connection within a group gets the whole group again.
            if index == changes.count - 1 { text += Array("id: \(position)\n".utf8) }
            text += Array("data: ".utf8) + change.data + Array("\n\n".utf8)
        }
        return text
    }

    static func refusal(_ problem: Problem) -> [UInt8] {
        Array("retry: 30000\nevent: refused\ndata: ".utf8) + problem.response.body.bytes + Array("\n\n".utf8)
    }
}
