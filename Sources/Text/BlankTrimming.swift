extension StringProtocol {
    /// The text without spaces, tabs and line breaks at its ends.
    package func trimmingBlanks() -> String {
        let bytes = Array(utf8)
        func isBlank(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }
        guard let first = bytes.firstIndex(where: { !isBlank($0) }), let last = bytes.lastIndex(where: { !isBlank($0) }) else { return "" }
        return String(decoding: bytes[first...last], as: UTF8.self)
    }
}
