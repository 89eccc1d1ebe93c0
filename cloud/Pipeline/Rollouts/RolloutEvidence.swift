package import Archive
package import Evaluation

/// The live errors of a release beside the errors that the previous release would have, by day.
///
/// Where a device's last good release forecasts in the shadow, its error for the same targets is the expected error. For other targets, the expected
/// error is the error of persistence for them, times the ratio to persistence that the previous release had on other devices on the same day.
package enum RolloutEvidence {
    /// - Parameters:
    ///   - release: live errors of the new release, on the reached devices.
    ///   - control: live errors of the previous release, on all devices that ran it on these days.
    package static func blocks(release: [Archive.LiveDay], control: [Archive.LiveDay]) -> [ErrorRatio.Block] {
        let ratios = Dictionary(
            control.compactMap { day in day.persistenceError > 0 ? (day.day, day.error / day.persistenceError) : nil }
        ) { first, _ in first }
        return release.compactMap { day in
            var block = ErrorRatio.Block(targets: day.compared, error: day.comparedError, reference: day.rivalError)
            if let ratio = ratios[day.day] {
                block += ErrorRatio.Block(targets: day.targets, error: day.error, reference: day.persistenceError * ratio)
            }
            return block.targets > 0 ? block : nil
        }
    }
}
