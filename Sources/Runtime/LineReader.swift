internal import Glibc

/// Reads a text file line by line in constant memory. A line longer than `limit` bytes is an error; the next call continues after that line.
@safe package final class LineReader {
    package let path: String
    package private(set) var line = 0  // number of the last returned line, from 1
    private let descriptor: Int32
    private let limit: Int
    private var buffer: [UInt8] = []
    private var start = 0
    private var isAtEnd = false

    package init(path: String, limit: Int = 4_096) throws(FileError) {
        descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError("read", path, errno) }
        self.path = path
        self.limit = limit
    }

    deinit { close(descriptor) }

    /// The next line without its line break; `nil` at the end.
    package func next() throws(FileError) -> String? {
        var searched = start
        while true {
            if let end = buffer[searched...].firstIndex(of: 10) {
                defer { start = end + 1 }
                return take(start..<end)
            }
            searched = buffer.count
            if isAtEnd {
                guard start < buffer.count else { return nil }
                defer { start = buffer.count }
                return take(start..<buffer.count)
            }
            if buffer.count - start > limit {
                try skipLine()
                throw FileError("read line \(line) of", path, EFBIG)
            }
            try fill(&searched)
        }
    }

    private func take(_ range: Range<Int>) -> String {
        line += 1
        var range = range
        // Spreadsheet programs write a byte order mark, which is not part of the first line.
        if line == 1, buffer[range].starts(with: [0xEF, 0xBB, 0xBF]) { range = (range.lowerBound + 3)..<range.upperBound }
        let end = !range.isEmpty && buffer[range.upperBound - 1] == 13 ? range.upperBound - 1 : range.upperBound
        return String(decoding: buffer[range.lowerBound..<end], as: UTF8.self)
    }

    /// Skips the rest of a line that is too long, in constant memory.
    private func skipLine() throws(FileError) {
        line += 1
        while !isAtEnd {
            buffer.removeAll(keepingCapacity: true)
            start = 0
            var searched = 0
            try fill(&searched)
            if let end = buffer.firstIndex(of: 10) {
                start = end + 1
                return
            }
        }
        start = buffer.count
    }

    private func fill(_ searched: inout Int) throws(FileError) {
        buffer.removeFirst(start)
        searched -= start
        start = 0
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                let code = errno
                if code == EINTR { continue }
                throw FileError("read", path, code)
            }
            if count == 0 { isAtEnd = true } else { buffer.append(contentsOf: chunk[..<count]) }
            return
        }
    }
}
