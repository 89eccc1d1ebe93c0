internal import Bytes
internal import Signing

/// The number of rows of a table, and a hash of the rows in the order of the key. Equal tables in different databases have equal contents.
package struct ArchiveContent: Sendable, Equatable {
    package private(set) var rows = 0
    private var hash: [UInt8] = Array(repeating: 0, count: 32)

    mutating func add(_ rows: [[DatabaseValue]]) {
        for row in rows {
            var writer = ByteWriter()
            writer.raw(hash)
            for value in row {
                switch value {
                case .null: writer.byte(0)
                case .integer(let value): write(1, UInt64(bitPattern: value), to: &writer)
                case .real(let value): write(2, value.bitPattern, to: &writer)
                case .text(let value): write(3, Array(value.utf8), to: &writer)
                case .bytes(let value): write(4, value, to: &writer)
                }
            }
            hash = SHA256.digest(writer.bytes)
        }
        self.rows += rows.count
    }

    private func write(_ kind: UInt8, _ value: UInt64, to writer: inout ByteWriter) {
        writer.byte(kind)
        writer.fixed(value)
    }

    private func write(_ kind: UInt8, _ bytes: [UInt8], to writer: inout ByteWriter) {
        write(kind, UInt64(bytes.count), to: &writer)
        writer.raw(bytes)
    }
}
