internal import Text

/// Formats a table for a terminal. If the lines are too long, detail columns are omitted, then the widest text is wrapped, and as a last resort
/// each cell gets its own line.
extension Table {
    private static let leastText = 16  // the smallest width of a wrapped text, in characters

    /// - Parameter width: the terminal's width in characters; a cell's width is its number of characters.
    package func text(width limit: Int) -> String {
        let format = rows.map { row in zip(columns, row).map { PrintableText.line($0.format($1), limit: 1_000) } }
        var visible = Array(columns.indices)
        var widths = columns.indices.map { index in format.reduce(columns[index].heading.count) { max($0, $1[index].count) } }
        func total() -> Int { visible.reduce(0) { $0 + widths[$1] } + 2 * (visible.count - 1) }
        while total() > limit, let detail = visible.last(where: { columns[$0].isOmittable }) { visible.removeAll { $0 == detail } }
        if total() > limit {
            let texts = visible.filter { !columns[$0].isNumber }
            guard let widest = texts.max(by: { widths[$0] < widths[$1] }), case let rest = total() - widths[widest], limit - rest >= Table.leastText
            else { return blocks(format, limit) }
            widths[widest] = limit - rest
        }
        let head = lines(columns.map(\.heading), visible, widths)
        let left = columns.indices.filter { index in !visible.contains(index) && format.contains { !$0[index].isEmpty } }
        let note = left.map { columns[$0].title }.joined(separator: ", ")
        return head + format.map { lines($0, visible, widths) }.joined()
            + (note.isEmpty ? "" : Paragraph.text("(no room for \(note): --format csv or json shows them)", width: limit))
    }

    /// The lines of a row: several if a text is wrapped.
    private func lines(_ cells: [String], _ visible: [Int], _ widths: [Int]) -> String {
        let parts = visible.map { Paragraph.wrapped(cells[$0], width: widths[$0]) }
        let height = parts.map(\.count).max() ?? 1
        return (0..<height).map { number in
            var line = ""
            for (cellIndex, index) in visible.enumerated() {
                let cell = number < parts[cellIndex].count ? parts[cellIndex][number] : ""
                let pad = String(repeating: " ", count: max(0, widths[index] - cell.count))
                line += (cellIndex == 0 ? "" : "  ") + (columns[index].isNumber ? pad + cell : cell + pad)
            }
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }

    /// One line for each non-empty cell, with a blank line between rows.
    private func blocks(_ shown: [[String]], _ limit: Int) -> String {
        let indent = (columns.map(\.heading.count).max() ?? 0) + 2
        return shown.map { row in
            zip(columns, row).filter { !$1.isEmpty }.map { Paragraph.text($1, label: $0.heading, indent: indent, width: limit) }.joined()
        }.joined(separator: "\n")
    }
}
