package import Evaluation

/// The evidence for the verdict of a run, as a table.
extension Archive {
    /// Replaces the evidence of a run.
    package func setEvidence(_ evidence: [Evidence], of run: Int64) throws {
        try database.run("DELETE FROM run_evidence WHERE run = ?", run)
        try database.changeEach(
            """
            INSERT INTO run_evidence (run, place, subject, targets, blocks, candidate, champion, change_share, low, high, allowed_low, allowed_high, status)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            evidence.enumerated().map { place, row in
                [
                    .integer(run), .integer(Int64(place)), .text(row.subject.name), .integer(Int64(row.targets)), .integer(Int64(row.blocks)),
                    .real(row.candidate), .real(row.champion), row.change.databaseValue, row.low.databaseValue, row.high.databaseValue,
                    .real(row.allowed.lowerBound), .real(row.allowed.upperBound), .text(row.status.rawValue),
                ]
            })
    }

    /// Rows that this version of the program does not know are left out.
    package func evidence(of run: Int64) throws -> [Evidence] {
        try database.rows(
            """
            SELECT subject, targets, blocks, candidate, champion, change_share, low, high, allowed_low, allowed_high, status FROM run_evidence
            WHERE run = ? ORDER BY place
            """, run
        ).compactMap { row in
            guard let subject = Evidence.Subject(name: row.text(0)), let status = Evidence.Status(rawValue: row.text(10)),
                row.double(8) <= row.double(9)
            else { return nil }
            func number(_ column: Int) -> Double? { row.isNull(column) ? nil : row.double(column) }
            return Evidence(
                subject: subject, targets: Int(row.integer(1)), blocks: Int(row.integer(2)), candidate: row.double(3), champion: row.double(4),
                change: number(5), low: number(6), high: number(7), allowed: row.double(8)...row.double(9), status: status)
        }
    }
}
