internal import Text

/// Checks the text of a device's place.
package enum DevicePlace {
    package static let limit = 128

    /// - Returns: why the text cannot be a place; `nil` if it can.
    package static func problem(with text: String) -> String? {
        if text.utf8.count > limit { return "expected at most \(limit) bytes" }
        return PrintableText.line(text, limit: limit) == text ? nil : "expected one line of printable text"
    }
}
