/// The lines of a small text file, whichever editor wrote it.
package enum TextLines {
    package static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    /// Split at line feeds, in bytes: to Swift, a carriage return with a line feed is one character that is neither. The carriage return
    /// and a byte order mark before the first line are dropped.
    package static func split(_ bytes: [UInt8]) -> [String] {
        let text = bytes.starts(with: byteOrderMark) ? bytes.dropFirst(byteOrderMark.count) : bytes[...]
        return text.split(separator: 10, omittingEmptySubsequences: false).map { line in
            String(decoding: line.last == 13 ? line.dropLast() : line, as: UTF8.self)
        }
    }
}
