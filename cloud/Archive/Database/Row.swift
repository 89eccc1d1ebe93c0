/// One row of a result. Columns count from 0. NULL reads as 0, as an empty text or as no bytes; `isNull` and the optional readers tell.
struct Row: Sendable {
    private let values: [DatabaseValue]

    init(_ values: [DatabaseValue]) { self.values = values }

    var count: Int { values.count }
    package subscript(_ column: Int) -> DatabaseValue { values[column] }
    func isNull(_ column: Int) -> Bool { values[column] == .null }

    func optionalInteger(_ column: Int) -> Int64? { if case .integer(let value) = values[column] { value } else { nil } }
    func integer(_ column: Int) -> Int64 { optionalInteger(column) ?? 0 }

    func double(_ column: Int) -> Double {
        switch values[column] {
        case .real(let value): value
        case .integer(let value): Double(value)
        case .null, .text, .bytes: 0
        }
    }

    func optionalText(_ column: Int) -> String? { if case .text(let value) = values[column] { value } else { nil } }
    func text(_ column: Int) -> String { optionalText(column) ?? "" }
    func bytes(_ column: Int) -> [UInt8] { if case .bytes(let value) = values[column] { value } else { [] } }
}
