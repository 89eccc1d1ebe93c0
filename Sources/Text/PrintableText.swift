/// Makes text from outside safe to show: characters that move a terminal's cursor, change its colours, begin a new line or reverse the direction
/// of text are replaced by escapes.
package enum PrintableText {
    /// One line, at most `limit` characters.
    package static func line(_ text: some StringProtocol, limit: Int = 600) -> String {
        var line = ""
        var count = 0
        for scalar in text.unicodeScalars {
            guard count < limit else { return line + "…" }
            count += 1
            if isHidden(scalar) || scalar == "\n" || scalar == "\t" { line += escaped(scalar) } else { line.unicodeScalars.append(scalar) }
        }
        return line
    }

    /// The whole text, including line breaks and tabs.
    package static func text(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isHidden) else { return text }
        var shown = ""
        for scalar in text.unicodeScalars { if isHidden(scalar) { shown += escaped(scalar) } else { shown.unicodeScalars.append(scalar) } }
        return shown
    }

    /// Control characters other than line feed and tab, and characters that change the writing direction.
    package static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 9, 10: false
        case 0..<32, 127..<160, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
        default: false
        }
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        scalar == "\n" ? "\\n" : scalar == "\t" ? "\\t" : "\\u{" + String(scalar.value, radix: 16) + "}"
    }
}
