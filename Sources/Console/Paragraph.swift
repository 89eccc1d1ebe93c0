internal import Runtime

/// Wraps text for users between words.
package enum Paragraph {
    /// Writes text to standard output, wrapped at the terminal's width.
    package static func write(_ text: String, label: String = "", indent: Int = 0) {
        StandardOutput.write(Paragraph.text(text, label: label, indent: indent, width: StandardOutput.width))
    }

    /// - Parameters:
    ///   - label: text before the first line.
    ///   - indent: the column at which the text of each line begins.
    package static func text(_ text: String, label: String = "", indent: Int = 0, width: Int) -> String {
        let lines = wrapped(text, width: max(16, width - indent))
        return lines.enumerated().map { number, line in
            let head = number == 0 ? label : ""
            return head + String(repeating: " ", count: max(0, indent - head.count)) + line + "\n"
        }.joined()
    }

    /// Lines of at most `width` characters; a longer word is split.
    static func wrapped(_ text: String, width: Int) -> [String] {
        guard text.count > width else { return [text] }
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            var word = word[...]
            if !line.isEmpty, line.count + 1 + word.count <= width {
                line += " " + word
                continue
            }
            if !line.isEmpty { lines.append(line) }
            while word.count > width {
                lines.append(String(word.prefix(width)))
                word = word.dropFirst(width)
            }
            line = String(word)
        }
        return line.isEmpty ? lines : lines + [line]
    }
}
