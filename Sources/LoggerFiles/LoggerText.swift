/// The text of a logger's file, decoded from UTF-8, UTF-16 or Latin-1.
struct LoggerText {
    /// The encoding's name, for people.
    let encoding: String
    private let bytes: [UInt8]  // UTF-8

    init(_ file: [UInt8]) {
        if file.starts(with: [0xEF, 0xBB, 0xBF]) {
            (encoding, bytes) = ("UTF-8", Array(file.dropFirst(3)))
        } else if file.starts(with: [0xFF, 0xFE]) || LoggerText.seemsUTF16(file, isLittle: true) {
            (encoding, bytes) = ("UTF-16", LoggerText.fromUTF16(file, isLittle: true))
        } else if file.starts(with: [0xFE, 0xFF]) || LoggerText.seemsUTF16(file, isLittle: false) {
            (encoding, bytes) = ("UTF-16", LoggerText.fromUTF16(file, isLittle: false))
        } else if String(validating: file, as: UTF8.self) != nil {
            (encoding, bytes) = ("UTF-8", file)
        } else {
            // Windows-1252 has the same letters and the same degree sign as Latin-1.
            (encoding, bytes) = ("Latin-1", file.flatMap { $0 < 0x80 ? [$0] : [0xC0 | $0 >> 6, 0x80 | $0 & 0x3F] })
        }
    }

    /// Whether every other byte is mostly zero, as in ASCII text in UTF-16 without a byte order mark.
    private static func seemsUTF16(_ file: [UInt8], isLittle: Bool) -> Bool {
        let start = file.prefix(200)
        let zeros = start.indices.count { start[$0] == 0 && ($0 % 2 == 1) == isLittle }
        return start.count >= 4 && zeros * 3 > start.count
    }

    private static func fromUTF16(_ file: [UInt8], isLittle: Bool) -> [UInt8] {
        let units = stride(from: 0, to: file.count - 1, by: 2).map { index -> UInt16 in
            let (low, high) = isLittle ? (file[index], file[index + 1]) : (file[index + 1], file[index])
            return UInt16(high) << 8 | UInt16(low)
        }
        let text = String(decoding: units.first == 0xFEFF ? units.dropFirst() : units[...], as: UTF16.self)
        return Array(text.utf8)
    }

    /// Calls `body` with each line that is not empty and its number, from 1, until `body` returns false. Line breaks of all systems end a line.
    func forEachLine(_ body: (_ line: String, _ number: Int) throws -> Bool) rethrows {
        var start = 0, number = 0
        while start < bytes.count {
            var end = start
            while end < bytes.count, bytes[end] != 10, bytes[end] != 13 { end += 1 }
            number += 1
            let line = String(decoding: bytes[start..<end], as: UTF8.self)
            if !line.utf8.allSatisfy({ $0 == 32 || $0 == 9 }), try !body(line, number) { return }
            start = end + (end + 1 < bytes.count && bytes[end] == 13 && bytes[end + 1] == 10 ? 2 : 1)
        }
    }

    /// The first lines that are not empty, with their numbers.
    func firstLines(_ count: Int) -> [(text: String, number: Int)] {
        var lines: [(text: String, number: Int)] = []
        forEachLine { text, number in
            lines.append((text, number))
            return lines.count < count
        }
        return lines
    }
}
