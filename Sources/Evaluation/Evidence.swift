internal import Measures

/// One row of the evidence for a verdict: a part of the targets, and how candidate and champion did there.
package struct Evidence: Sendable, Equatable {
    package enum Subject: Sendable, Hashable {
        case overall  // the weighted mean over all lead times
        case leadTime(Duration)
        case stratum(Stratum)
        case coverage(Duration)  // share of the targets within the 80 % interval
    }

    package enum Status: String, Sendable {
        case better  // only `overall`: the change reaches the required improvement, and the upper bound is below 0
        case kept  // the mean is within the limit, or the coverage is at least as near to 80 % as the champion's
        case exceeded  // the mean is beyond the limit and the bounds exclude chance; `overall`: the lower bound is above 0
        case unclear  // the mean is beyond the limit, but the bounds do not exclude chance; `overall`: neither better nor worse
        case not_judged  // too few blocks, or a guard with too few targets
    }

    package let subject: Subject
    package let targets: Int
    package let blocks: Int  // calendar blocks of 5 days
    package let candidate: Double  // mean pinball loss in %RH, or the coverage
    package let champion: Double
    package let change: Double?  // candidate / champion − 1; `nil` for coverage
    package let low: Double?  // one-sided 95 % bounds of the change, or of the candidate's coverage
    package let high: Double?
    package let allowed: ClosedRange<Double>  // of the change, or of the candidate's coverage
    package let status: Status

    package init(
        subject: Subject, targets: Int, blocks: Int, candidate: Double, champion: Double, change: Double?, low: Double?, high: Double?,
        allowed: ClosedRange<Double>, status: Status
    ) {
        (self.subject, self.targets, self.blocks, self.candidate, self.champion) = (subject, targets, blocks, candidate, champion)
        (self.change, self.low, self.high, self.allowed, self.status) = (change, low, high, allowed, status)
    }
}

extension Evidence {
    func with(_ status: Status) -> Evidence {
        Evidence(
            subject: subject, targets: targets, blocks: blocks, candidate: candidate, champion: champion, change: change, low: low, high: high,
            allowed: allowed, status: status)
    }
}

extension Evidence.Subject {
    /// All subjects, in the order of the rows of a verdict.
    package static let all: [Evidence.Subject] =
        [.overall] + PairedLosses.leadTimes.map { .leadTime($0) } + Stratum.allCases.map { .stratum($0) }
        + PairedLosses.leadTimes.map { .coverage($0) }

    package init?(name: String) {
        guard let subject = Evidence.Subject.all.first(where: { $0.name == name }) else { return nil }
        self = subject
    }

    /// A short name for tables and for the archive.
    package var name: String {
        switch self {
        case .overall: "all lead times"
        case .leadTime(let leadTime): "\(leadTime.wholeSeconds / 3_600) h"
        case .stratum(let stratum): stratum.name
        case .coverage(let leadTime): "coverage \(leadTime.wholeSeconds / 3_600) h"
        }
    }
}
