/// Compares a forecaster's recent errors at one lead time with the errors of climatology, on forecasts whose targets are observed.
package struct SkillTracking: Sendable {
    private static let halfLife: Float = 30  // days

    private let decay: Float  // the share of the sums kept per row
    private let minimumRows: Int
    private var rows = 0
    private var error: Float = 0, climatologyError: Float = 0  // exponentially fading sums, in %

    /// - Parameters:
    ///   - rowsPerDay: calls of `learn` per day.
    ///   - overlap: consecutive rows whose forecast spans overlap; together these count as one independent row. `skill` needs two spans and three
    ///     days of rows.
    package init(rowsPerDay: Int, overlap: Int) {
        decay = 1 - 0.693 / (SkillTracking.halfLife * Float(rowsPerDay))
        minimumRows = max(3 * rowsPerDay, 2 * overlap)
    }

    /// - Parameters:
    ///   - error: observed value minus the median, in %.
    ///   - climatologyError: observed value minus climatology at the forecast's origin, in %.
    package mutating func learn(error: Float, climatologyError: Float) {
        self.error = self.error * decay + error.magnitude
        self.climatologyError = self.climatologyError * decay + climatologyError.magnitude
        rows = min(rows + 1, minimumRows)
    }

    /// 1 − mean absolute error / mean absolute error of climatology: 1 without error, 0 if both errors are equal, negative if climatology is
    /// better. `nil` while too few forecasts have been scored, or if climatology had no error.
    package var skill: Float? {
        rows >= minimumRows && climatologyError > 0 ? max(-1, 1 - error / climatologyError) : nil
    }
}
