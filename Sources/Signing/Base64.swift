internal import CCrypto

/// Base64 (RFC 4648, section 4) by libcrypto.
package enum Base64 {
    /// - Returns: `nil` if the text is not base64 with padding.
    package static func decoded(_ text: some StringProtocol) -> [UInt8]? {
        let text = Array(text.utf8)
        guard !text.isEmpty, text.count % 4 == 0, text.count <= 4_096 else { return nil }
        var bytes = [UInt8](repeating: 0, count: text.count / 4 * 3)
        let count = unsafe text.withUnsafeBufferPointer { input in
            unsafe bytes.withUnsafeMutableBufferPointer { output in
                unsafe EVP_DecodeBlock(output.baseAddress, input.baseAddress, Int32(input.count))
            }
        }
        guard count == bytes.count else { return nil }
        return bytes.dropLast(text.suffix(2).count { $0 == UInt8(ascii: "=") })
    }
}
