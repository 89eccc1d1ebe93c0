/// One row of a result. Columns count from 0. NULL reads as 0, as an empty text or as no bytes; `isNull` and the optional readers tell.
package struct Row: Sendable {
    private let values: [DatabaseValue]

    package init(_ values: [DatabaseValue]) { self.values = values }

    package var count: Int { values.count }
    package subscript(_ column: Int) -> DatabaseValue { values[column] }
    package func isNull(_ column: Int) -> Bool { values[column] == .null }

    package func optionalInteger(_ column: Int) -> Int64? { if case .integer(let value) = values[column] { value } else { nil } }
    package func integer(_ column: Int) -> Int64 { optionalInteger(column) ?? 0 }

    package func double(_ column: Int) -> Double {
        switch values[column] {
        case .real(let value): value
        case .integer(let value): Double(value)
        case .null, .text, .bytes: 0
        }
    }

    package func optionalText(_ column: Int) -> String? { if case .text(let value) = values[column] { value } else { nil } }
    package func text(_ column: Int) -> String { optionalText(column) ?? "" }
    package func bytes(_ column: Int) -> [UInt8] { if case .bytes(let value) = values[column] { value } else { [] } }
}
