/// CRC-32C (Castagnoli): reflected polynomial 0x82F63B78, as in RFC 3720, appendix B.4.
package enum CRC32C {
    private static let table: [UInt32] = (0..<256).map { index in
        var value = UInt32(index)
        for _ in 0..<8 { value = value & 1 == 1 ? (value >> 1) ^ 0x82F6_3B78 : value >> 1 }
        return value
    }

    package static func checksum(_ bytes: [UInt8]) -> UInt32 { checksum(bytes[...]) }

    package static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        var state: UInt32 = 0xFFFF_FFFF
        unsafe bytes.withUnsafeBufferPointer { bytes in
            unsafe table.withUnsafeBufferPointer { table in
                for index in bytes.indices { state = unsafe (state >> 8) ^ table[Int((state ^ UInt32(bytes[index])) & 0xFF)] }
            }
        }
        return state ^ 0xFFFF_FFFF
    }

    /// A checksum that is updated byte by byte.
    package struct Incremental: Sendable {
        private var state: UInt32 = 0xFFFF_FFFF
        private let table = CRC32C.table
        package init() {}
        package var value: UInt32 { state ^ 0xFFFF_FFFF }

        package mutating func add(_ byte: UInt8) { state = (state >> 8) ^ table[Int((state ^ UInt32(byte)) & 0xFF)] }
        /// Adds the eight bytes of the value, little-endian.
        package mutating func add(_ value: Int64) {
            for index in 0..<8 { add(UInt8(truncatingIfNeeded: value >> (8 * Int64(index)))) }
        }
    }
}
