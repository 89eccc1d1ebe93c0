internal import Bytes
internal import Runtime

/// Reads rows from the leaf pages of a database file and of its write-ahead log, page by page, without the B-trees above the pages. Finds the
/// rows that remain when a root page, an inner page or the schema is damaged. Free pages, and older images of a page in the log, also yield
/// rows that were deleted or changed since.
///
/// Source of the format: "Database File Format", sections 1.6, 2.1 and 4, sqlite.org/fileformat2.html.
struct PageScan {
    enum Value {
        case null
        case integer(Int64)
        case real(Double)
        case text([UInt8])
        case blob([UInt8])

        var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
        var text: String? { if case .text(let bytes) = self { String(validating: bytes, as: UTF8.self) } else { nil } }
        var blob: [UInt8]? { if case .blob(let bytes) = self { bytes } else { nil } }
        /// The value of a REAL column. SQLite stores whole numbers in a REAL column as integers.
        var real: Double? {
            switch self {
            case .real(let value): value
            case .integer(let value): Double(value)
            default: nil
            }
        }
        var isNull: Bool { if case .null = self { true } else { false } }
    }

    /// A row of a table with an integer key, or of a table without one (`key` is nil).
    struct Row {
        let key: Int64?
        let values: [Value]
        let isStale: Bool  // from a log frame written before the log's last restart
    }

    let pageSize: Int

    /// Visits the rows of the file, then the rows of the log in the order of writing, then the rows of stale log frames.
    /// - Parameter path: the database file; its log is `path` + `-wal`.
    func forEach(in path: String, _ body: (Row) throws -> Void) throws {
        try Files.forEachBlock(of: path, from: 0, size: pageSize) { page in try rows(of: page, isStale: false, body) }
        let log = path + "-wal"
        guard Files.exists(log) else { return }
        var salts: [UInt8] = []
        try Files.forEachBlock(of: log, from: 0, size: 32) { if salts.isEmpty { salts = Array($0.dropFirst(16).prefix(8)) } }
        for wantsStale in [false, true] {
            try Files.forEachBlock(of: log, from: 32, size: 24 + pageSize) { frame in
                guard frame.dropFirst(8).prefix(8).elementsEqual(salts) != wantsStale else { return }
                try rows(of: frame.dropFirst(24), isStale: wantsStale, body)
            }
        }
    }

    private func rows(of page: ArraySlice<UInt8>, isStale: Bool, _ body: (Row) throws -> Void) throws {
        let start = page.startIndex
        guard page.count == pageSize, let kind = page.first, kind == 0x0D || kind == 0x0A else { return }
        func short(_ at: Int) -> Int { Int(page[start + at]) << 8 | Int(page[start + at + 1]) }
        let count = short(3)
        guard 8 + 2 * count <= pageSize else { return }
        for index in 0..<count {
            let cellOffset = short(8 + 2 * index)
            // A damaged cell does not affect the other cells.
            if cellOffset < pageSize, let row = row(page[(start + cellOffset)...], hasKey: kind == 0x0D, isStale) { try body(row) }
        }
    }

    private func row(_ cell: ArraySlice<UInt8>, hasKey: Bool, _ isStale: Bool) -> Row? {
        var reader = CellReader(cell)
        guard let size = reader.varint(), let key = hasKey ? reader.varint() : 0 else { return nil }
        // Skip a longer row, which continues on overflow pages: the rows to salvage are shorter.
        let longest = Int64(hasKey ? pageSize - 35 : (pageSize - 12) * 64 / 255 - 23)
        guard (1...longest).contains(size), let payload = reader.take(Int(size)) else { return nil }
        var header = CellReader(payload)
        guard let length = header.varint(), (1...size).contains(length) else { return nil }
        header = CellReader(payload.prefix(Int(length)))
        _ = header.varint()
        var body = CellReader(payload.dropFirst(Int(length)))
        var values: [Value] = []
        while !header.isAtEnd {
            guard let kind = header.varint(), let value = body.value(kind) else { return nil }
            values.append(value)
        }
        return Row(key: hasKey ? key : nil, values: values, isStale: isStale)
    }

    private struct CellReader {
        private var rest: ArraySlice<UInt8>
        init(_ bytes: ArraySlice<UInt8>) { rest = bytes }
        var isAtEnd: Bool { rest.isEmpty }

        mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
            guard count <= rest.count else { return nil }
            defer { rest = rest.dropFirst(count) }
            return rest.prefix(count)
        }

        /// SQLite's varint: seven bits per byte, highest first; the ninth byte has eight bits.
        mutating func varint() -> Int64? {
            var value: UInt64 = 0
            for byteIndex in 0..<9 {
                guard let byte = rest.popFirst() else { return nil }
                if byteIndex == 8 { return Int64(bitPattern: value << 8 | UInt64(byte)) }
                value = value << 7 | UInt64(byte & 0x7F)
                if byte < 0x80 { break }
            }
            return Int64(bitPattern: value)
        }

        mutating func value(_ kind: Int64) -> Value? {
            switch kind {
            case 0: return .null
            case 1...6:
                guard let bytes = take([1, 2, 3, 4, 6, 8][Int(kind) - 1]), let first = bytes.first else { return nil }
                let sign: Int64 = first >= 0x80 ? -1 : 0
                return .integer(bytes.reduce(sign) { $0 << 8 | Int64($1) })
            case 7: return take(8).map { .real(Double(bitPattern: $0.reduce(0) { $0 << 8 | UInt64($1) })) }
            case 8, 9: return .integer(kind - 8)
            case 12...2_000_000:
                guard let bytes = take(Int(kind - 12) / 2) else { return nil }
                return kind % 2 == 0 ? .blob(Array(bytes)) : .text(Array(bytes))
            default: return nil
            }
        }
    }
}
