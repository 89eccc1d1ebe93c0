internal import Archive
internal import Measures
internal import Text

/// Whether a release forecasts worse in life than in its backtest.
///
/// The measure is the mean absolute error divided by the error of persistence, so that a season with larger changes is not taken for a worse model.
enum ModelDecay {
    private static let factor = 1.25  // live ratio / ratio of the backtest
    private static let minimumTargets: Int64 = 1_000  // at a lead time, of all devices together
    private static let minimumLeadTimes = 2
    /// After any run, decay starts the next one not before this time: a training that could not help is not repeated at once.
    private static let cooldown: Duration = .seconds(7 * 86_400)

    /// The lead times, in hours, at which the release is worse by more than the factor.
    /// - Parameters:
    ///   - live: from the devices' reports.
    ///   - figures: of the run that has made the release.
    static func lost(live: [Duration: Archive.LiveErrors], figures: [(name: String, value: String)]) -> [Int64] {
        let values = Dictionary(figures.map { ($0.name, $0.value) }) { first, _ in first }
        func value(_ name: String, _ hours: Int64) -> Double? { values["error.\(name).\(hours)h"].flatMap { NumberText.decimal($0) } }
        return live.compactMap { lead, errors -> Int64? in
            let hours = lead.wholeSeconds / 3_600
            guard errors.targets >= minimumTargets, errors.persistenceError > 0, let candidate = value("candidate", hours),
                let persistence = value("persistence", hours), candidate > 0, persistence > 0
            else { return nil }
            return errors.absoluteError / errors.persistenceError > factor * candidate / persistence ? hours : nil
        }.sorted()
    }

    /// - Parameter newest: the newest run.
    static func startsRun(lost: [Int64], newest: Archive.Run?, now: Instant) -> Bool {
        guard lost.count >= minimumLeadTimes else { return false }
        guard let newest else { return true }
        return newest.endedAt.map { now - $0 >= cooldown } ?? false
    }
}
