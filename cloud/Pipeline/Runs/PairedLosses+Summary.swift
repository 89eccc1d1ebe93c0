internal import Evaluation
internal import Measures
internal import Text

extension PairedLosses {
    /// One line: the mean absolute error at each lead time, of the candidate, the champion and persistence.
    var summary: String {
        func number(_ value: Double) -> String { NumberText.fixed(value, places: 2) ?? "–" }
        let parts = PairedLosses.leadTimes.enumerated().compactMap { lead, leadTime -> String? in
            guard let errors = meanErrors(lead: lead) else { return nil }
            let others = "champion \(number(errors.champion)), persistence \(number(errors.persistence))"
            return "\(leadTime.wholeSeconds / 3_600) h \(number(errors.candidate)) (\(others))"
        }
        return parts.isEmpty ? "no target to compare" : "mean absolute error in %RH: " + parts.joined(separator: ", ")
    }

    /// The same as metrics of a run.
    var figures: [(name: String, value: String)] {
        PairedLosses.leadTimes.enumerated().flatMap { lead, leadTime -> [(String, String)] in
            guard let errors = meanErrors(lead: lead) else { return [] }
            let hours = leadTime.wholeSeconds / 3_600
            func figure(_ name: String, _ value: Double) -> (String, String) { ("\(name).\(hours)h", NumberText.fixed(value, places: 4) ?? "") }
            return [
                figure("error.candidate", errors.candidate), figure("error.champion", errors.champion),
                figure("error.persistence", errors.persistence),
            ]
        }
    }
}
