internal import APIDocuments
internal import HTTPServer
internal import Text

/// One page of a list whose entries have rising numbers, newest first. The cursor is the number of the last entry of the page before, so a page neither
/// repeats nor skips entries when new ones are added, and costs the same anywhere in the list.
struct NewestFirst: Sendable {
    static let parameters: Set<String> = ["after", "limit"]

    let below: Int64?  // `nil`: the first page
    let limit: Int

    init(_ request: HTTPRequest) throws(Problem) {
        limit = Int(try request.wholeNumber("limit", default: 100, in: 1...1_000))
        guard let text = request.query["after"] else {
            below = nil
            return
        }
        guard let number = Int64(text), number > 0 else {
            throw Problem(status: 422, detail: "after=\(text.prefix(40)): expected the value of «next» from the previous page")
        }
        below = number
    }

    /// The document with the page: the entries under `name`, and `next` with the cursor of the next page.
    /// - Parameters:
    ///   - read: reads entries with lower numbers than the given one, newest first.
    ///   - number: the number of an entry.
    func document<Entry>(
        _ name: String, _ read: (_ below: Int64?, _ limit: Int) throws -> [Entry], number: (Entry) -> Int64,
        _ write: (Entry, inout JSONWriter) -> Void
    ) rethrows -> [UInt8] {
        let entries = try read(below, limit + 1)
        var json = JSONWriter()
        json.object { json in
            json.array(name) { json in for entry in entries.prefix(limit) { json.object { write(entry, &$0) } } }
            json.field("next", entries.count > limit ? String(number(entries[limit - 1])) : nil)
        }
        return json.bytes
    }
}
