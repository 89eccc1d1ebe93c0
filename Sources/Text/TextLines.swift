/// Splits a small text file from any editor into lines.
package enum TextLines {
    package static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    /// Splits at line feed bytes. In Swift, a carriage return with a line feed is one `Character`, which is equal to neither of the two. Removes the
    /// carriage return, and a byte order mark before the first line.
    package static func split(_ bytes: [UInt8]) -> [String] {
        let text = bytes.starts(with: byteOrderMark) ? bytes.dropFirst(byteOrderMark.count) : bytes[...]
        return text.split(separator: 10, omittingEmptySubsequences: false).map { line in
            String(decoding: line.last == 13 ? line.dropLast() : line, as: UTF8.self)
        }
    }
}
