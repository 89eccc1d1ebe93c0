internal import EdgeStore
internal import Evaluation
internal import Measures
internal import Text

/// Whether a device goes back to its last good release because of the errors of its own forecasts. A pure function.
///
/// The errors of the release in use, of the last good release and of persistence are compared for the same targets, over the last seven days, at lead
/// times from 1 to 24 h. Each error is divided by the mean error of persistence of its sensor and lead time, so that all sensors and lead times
/// have the same weight.
enum RollbackRule {
    static let days: Int64 = 7
    private static let minimumTime: Duration = .seconds(48 * 3_600)
    private static let minimumUnit = 0.2  // %RH: a sensor that hardly changes must not outweigh the others

    /// %RH on average: errors below the resolution of a sensor do not matter, for example those of a stuck sensor.
    private static let resolution = 0.1

    /// - Parameters:
    ///   - sums: of the release in use, over the last `days`.
    ///   - elapsed: how long the release has been in use.
    /// - Returns: the reason to go back, for people; `nil`: the release stays in use.
    static func reason(_ sums: [ComparisonTable.DaySums], elapsed: Duration) -> String? {
        guard elapsed >= minimumTime else { return nil }
        let stuck = stuckSensors(sums)
        let sums = sums.filter { !stuck.contains($0.sensor) }
        var scales: [[Int64]: (error: Double, count: Int64)] = [:]
        for row in sums {
            let old = scales[[row.sensor, row.leadTimeSeconds]] ?? (0, 0)
            scales[[row.sensor, row.leadTimeSeconds]] = (old.error + row.persistenceError, old.count + row.count)
        }
        var rival: [Int64: ErrorRatio.Block] = [:]
        var persistence: [Int64: ErrorRatio.Block] = [:]
        for row in sums {
            guard let scale = scales[[row.sensor, row.leadTimeSeconds]], scale.count > 0 else { continue }
            let unit = max(minimumUnit, scale.error / Double(scale.count))
            rival[row.day, default: ErrorRatio.Block()] += ErrorRatio.Block(
                targets: row.count, error: row.error / unit, reference: row.rivalError / unit)
            persistence[row.day, default: ErrorRatio.Block()] += ErrorRatio.Block(
                targets: row.count, error: row.error / unit, reference: row.persistenceError / unit)
        }
        guard let toRival = ErrorRatio(Array(rival.values)) else { return nil }
        if toRival.isTooLarge { return text(toRival, "the error of the last good release") }
        // In calm air persistence may win for days. Going back helps only if the last good release is better.
        if let toPersistence = ErrorRatio(Array(persistence.values)), toPersistence.isTooLarge, toRival.low > 1 {
            return text(toPersistence, "the error of persistence")
        }
        return nil
    }

    /// The sensors for which both releases have hardly any error.
    private static func stuckSensors(_ sums: [ComparisonTable.DaySums]) -> Set<Int64> {
        var means: [Int64: (error: Double, count: Int64)] = [:]
        for row in sums {
            let old = means[row.sensor] ?? (0, 0)
            means[row.sensor] = (old.error + max(row.error, row.rivalError), old.count + row.count)
        }
        return Set(means.filter { $0.value.error < resolution * Double($0.value.count) }.keys)
    }

    private static func text(_ ratio: ErrorRatio, _ reference: String) -> String {
        func number(_ value: Double) -> String { NumberText.fixed(value, places: 2) ?? "–" }
        return "the live error is \(number(ratio.ratio)) times \(reference) (90 % lower bound \(number(ratio.low)), \(ratio.targets) forecasts of "
            + "\(ratio.blocks) days)"
    }
}
