internal import Runtime
internal import Text

/// The output format of a command.
package enum OutputFormat: String, CaseIterable, Sendable {
    case table, json, csv

    package static let option = Arguments.Option("format", value: "FORMAT", "table (default), json or csv")
}

/// A table for users, fitted to the terminal's width, or all columns as CSV or JSON.
package struct Table {
    package struct Column {
        let title: String
        let heading: String  // the column's title in a table for users
        let isNumber: Bool
        let isOmittable: Bool
        let format: @Sendable (String) -> String

        /// - Parameters:
        ///   - isOmittable: whether a table omits the column if its lines would be too long.
        ///   - format: formats a cell for the table; CSV and JSON keep the raw cell.
        package static func text(
            _ title: String, heading: String? = nil, isOmittable: Bool = false, format: @escaping @Sendable (String) -> String = { $0 }
        ) -> Column {
            Column(title: title, heading: heading ?? title, isNumber: false, isOmittable: isOmittable, format: format)
        }

        /// An instant in RFC 3339, shown to the minute.
        package static func time(_ title: String, heading: String? = nil, isOmittable: Bool = false) -> Column {
            text(title, heading: heading, isOmittable: isOmittable) { $0.utf8.count < 20 ? $0 : "\($0.prefix(10)) \($0.dropFirst(11).prefix(5))Z" }
        }

        package static func number(
            _ title: String, heading: String? = nil, isOmittable: Bool = false, format: @escaping @Sendable (String) -> String = { $0 }
        ) -> Column {
            Column(title: title, heading: heading ?? title, isNumber: true, isOmittable: isOmittable, format: format)
        }
    }

    let columns: [Column]
    private(set) var rows: [[String]] = []

    package init(_ columns: [Column]) { self.columns = columns }

    package var isEmpty: Bool { rows.isEmpty }

    /// - Parameter cells: may contain text from outside; control characters are escaped in terminal output.
    package mutating func addRow(_ cells: [String]) { rows.append(cells) }

    package func write(_ format: OutputFormat) {
        switch format {
        case .table: StandardOutput.write(text(width: StandardOutput.width))
        case .csv: StandardOutput.write(csv)
        case .json: StandardOutput.write(json)
        }
    }

    /// An array of objects; a number column's cells are numbers, an empty cell is null.
    package var json: String {
        var json = JSONWriter()
        json.array { json in
            for row in rows {
                json.object { json in
                    for (column, cell) in zip(columns, row) {
                        if column.isNumber, cell.isEmpty || NumberText.decimal(cell) != nil {
                            json.field(column.title, NumberText.decimal(cell), places: 6)
                        } else {
                            json.field(column.title, cell.isEmpty ? nil : cell)
                        }
                    }
                }
            }
        }
        return String(decoding: json.bytes, as: UTF8.self) + "\n"
    }

    package var csv: String {
        let header = columns.map { CSV.field($0.title) }.joined(separator: ",") + "\n"
        return header + rows.map { $0.map { CSV.field($0) }.joined(separator: ",") + "\n" }.joined()
    }
}

package enum Sparkline {
    private static let bars = Array("▁▂▃▄▅▆▇█")

    /// One bar per value or mean of several values, scaled between the smallest and the largest; a space where there is no value.
    package static func text(_ values: [Double?], width: Int) -> String {
        let step = max(1, (values.count + width - 1) / width)
        let means = stride(from: 0, to: values.count, by: step).map { start -> Double? in
            let part = values[start..<min(values.count, start + step)].compactMap { $0 }
            return part.isEmpty ? nil : part.reduce(0, +) / Double(part.count)
        }
        let known = means.compactMap { $0 }
        guard let low = known.min(), let high = known.max() else { return "" }
        return means.map { mean in
            guard let mean else { return " " }
            let share = high > low ? (mean - low) / (high - low) : 0.5
            return String(bars[min(7, Int(share * 8))])
        }.joined()
    }
}
