/// Finds the known word that is most similar to a mistyped word.
package enum NearestWord {
    /// The candidate with the fewest edits; `nil` if it needs more than one edit and more edits than a third of its length.
    package static func closest(_ word: String, in candidates: [String]) -> String? {
        let ranked = candidates.map { (edits: edits(Array(word.utf8), Array($0.utf8)), word: $0) }
        guard let best = ranked.min(by: { ($0.edits, $0.word) < ($1.edits, $1.word) }) else { return nil }
        return best.edits <= max(1, best.word.utf8.count / 3) ? best.word : nil
    }

    /// Levenshtein distance in which a swap of neighbouring bytes counts as one edit.
    private static func edits(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var rows = [Array(0...b.count)]
        for i in a.indices {
            var row = [i + 1]
            for j in b.indices {
                var best = min(row[j], rows[i][j + 1]) + 1
                best = min(best, rows[i][j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, rows[i - 1][j - 1] + 1) }
                row.append(best)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }
}
