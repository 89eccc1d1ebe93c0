package import Measures

/// The losses of a candidate and of the champion for one target.
package struct PairedLoss: Sendable, Hashable {
    /// The number of the 5-day block, counted from 1970, that contains the origin. Errors within a block are correlated, because the weather lasts for days and a forecast reaches
    /// 5 days ahead.
    package let block: Int32
    package let lead: UInt8  // index into `PairedLosses.leadTimes`
    package let strata: Strata
    package let candidate: Losses
    package let champion: Losses
    package let persistenceError: Float  // in %RH

    /// In %RH.
    package struct Losses: Sendable, Hashable {
        package let pinball: Float  // mean over the levels
        package let absoluteError: Float  // of the median
        package let isCovered: Bool  // the target is within the 80 % interval

        package init(pinball: Float, absoluteError: Float, isCovered: Bool) {
            (self.pinball, self.absoluteError, self.isCovered) = (pinball, absoluteError, isCovered)
        }

        init(_ loss: ForecastLoss) {
            self.init(pinball: Float(loss.pinball), absoluteError: Float(loss.absoluteError), isCovered: loss.isCovered)
        }
    }

    package static let blockMs: Int64 = 5 * 86_400_000

    package init(origin: Instant, lead: Int, strata: Strata, candidate: Losses, champion: Losses, persistenceError: Float) {
        // Division rounds towards zero; instants before 1970 are never in an archive.
        block = Int32(clamping: origin.ms / PairedLoss.blockMs)
        (self.lead, self.strata, self.persistenceError) = (UInt8(lead), strata, persistenceError)
        (self.candidate, self.champion) = (candidate, champion)
    }
}
