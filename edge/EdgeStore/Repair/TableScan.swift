internal import SQLite

/// Reads a table row by row in the order of its integer key, and skips pages that cannot be read.
struct TableScan {
    let source: Connection
    let table: String
    let keyColumn: String  // the integer key, the first column
    let columns: String  // the columns after the key
    private(set) var isDamaged = false

    init(_ source: Connection, table: String, key: String, columns: String) {
        self.source = source
        self.table = table
        keyColumn = key
        self.columns = columns
    }

    /// - Parameter body: returns whether the row is valid; an invalid row may have a wrong key too.
    mutating func forEach(_ body: (borrowing Statement) throws -> Bool) throws {
        var next = Int64.min
        var emptyRounds = 0
        while true {
            do {
                var select = try select(from: next)
                while try TableScan.step(&select) {
                    let key = select.integer(0)
                    // Wrong pointers in the B-tree lead back to rows that were already read.
                    guard key >= next else {
                        isDamaged = true
                        continue
                    }
                    guard try body(select) else { continue }
                    guard key < .max else { return }
                    next = key + 1
                    emptyRounds = 0
                }
                return
            } catch is Unreadable {
                isDamaged = true
                emptyRounds += 1
                guard emptyRounds <= 64, let beyond = keyBeyondDamage(from: next), beyond > next else { return }
                next = beyond
            }
        }
    }

    private struct Unreadable: Error {}

    private func select(from key: Int64) throws -> Statement {
        do {
            let select = try source.prepare("SELECT \(keyColumn), \(columns) FROM \(table) WHERE \(keyColumn) >= ? ORDER BY 1")
            try select.bind(key, at: 1)
            return select
        } catch { throw Unreadable() }
    }

    /// Distinguishes read errors of the source from errors thrown by `body`.
    private static func step(_ select: inout Statement) throws(Unreadable) -> Bool {
        do { return try select.step() } catch { throw Unreadable() }
    }

    /// The lowest key from which the table is readable again: doubles the step until the key is beyond the damage, then bisects.
    private func keyBeyondDamage(from next: Int64) -> Int64? {
        let start = max(next, lowestReadable ?? 0)
        func canRead(after step: Int64) -> Bool {
            let (key, isTooFar) = start.addingReportingOverflow(step)
            return isTooFar || self.canRead(from: key)
        }
        var step: Int64 = 1
        while !canRead(after: step) {
            guard step < 1 << 61 else { return nil }
            step *= 2
        }
        var (bad, good) = (step / 2, step)
        while good - bad > 1 {
            let middle = bad + (good - bad) / 2
            if canRead(after: middle) { good = middle } else { bad = middle }
        }
        let (key, isTooFar) = start.addingReportingOverflow(good)
        return isTooFar ? nil : key
    }

    /// The lowest key, if the B-tree can be read up to it.
    private var lowestReadable: Int64? {
        guard var select = try? source.prepare("SELECT MIN(\(keyColumn)) FROM \(table)"), (try? select.step()) == true else {
            return nil
        }
        return select.optionalInteger(0)
    }

    private func canRead(from key: Int64) -> Bool {
        guard var select = try? select(from: key), let isRow = try? select.step() else { return false }
        return !isRow || select.integer(0) >= key  // a divider key that is too high leads to earlier rows
    }
}
