/// How a forecaster's errors at one lead time compare with climatology's of late, from its own settled forecasts.
package struct SkillTracking: Sendable {
    private static let halfLife: Float = 30  // days

    private let kept: Float  // of the sums, a row
    private let enough: Int  // rows
    private var rows = 0
    private var error: Float = 0, climatologyError: Float = 0  // faded sums, in %

    /// - Parameters:
    ///   - rowsPerDay: how often it is told.
    ///   - overlap: rows whose spans overlap, which say one thing between them: it takes two spans, and three days, to say anything.
    package init(rowsPerDay: Int, overlap: Int) {
        kept = 1 - 0.693 / (SkillTracking.halfLife * Float(rowsPerDay))
        enough = max(3 * rowsPerDay, 2 * overlap)
    }

    /// - Parameters: what came minus the median, and minus climatology as it was known then, in %.
    package mutating func settle(error: Float, climatologyError: Float) {
        self.error = self.error * kept + error.magnitude
        self.climatologyError = self.climatologyError * kept + climatologyError.magnitude
        rows = min(rows + 1, enough)
    }

    /// 1 − mean absolute error over climatology's: 1 without error, 0 where climatology does as well, below where it does better.
    /// `nil` while too few forecasts have been settled, or where climatology has not erred.
    package var skill: Float? {
        rows >= enough && climatologyError > 0 ? max(-1, 1 - error / climatologyError) : nil
    }
}
