internal import SQLite

/// Reads a table row by row in the order of its integer key, and passes over pages that cannot be read.
struct TableScan {
    let source: Connection
    let table: String
    let keyColumn: String  // its integer key, the first column
    let columns: String  // those after it
    private(set) var isDamaged = false

    init(_ source: Connection, table: String, key: String, columns: String) {
        self.source = source
        self.table = table
        keyColumn = key
        self.columns = columns
    }

    /// - Parameter body: says whether the row is right; a wrong one may have a wrong key too.
    mutating func forEach(_ body: (borrowing Statement) throws -> Bool) throws {
        var next = Int64.min
        var emptyRounds = 0
        while true {
            do {
                var select = try select(from: next)
                while try TableScan.step(&select) {
                    let key = select.integer(0)
                    // A tree whose pointers are wrong leads back to rows that were read already.
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

    /// The source's failures apart from those of whoever takes the rows.
    private static func step(_ select: inout Statement) throws(Unreadable) -> Bool {
        do { return try select.step() } catch { throw Unreadable() }
    }

    /// The lowest key from which on the table can be read again: the step is doubled until it is beyond the damage, then halved back.
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

    /// Where keys begin, as far as the tree says so.
    private var lowestReadable: Int64? {
        guard var select = try? source.prepare("SELECT MIN(\(keyColumn)) FROM \(table)"), (try? select.step()) == true else {
            return nil
        }
        return select.optionalInteger(0)
    }

    private func canRead(from key: Int64) -> Bool {
        guard var select = try? select(from: key), let isRow = try? select.step() else { return false }
        return !isRow || select.integer(0) >= key  // a divider that is too high leads to rows before it
    }
}
