internal import Text

/// The steps of a rollout: which share of the devices gets the release, and how many days of live errors are needed before the next step.
package struct RolloutSteps: Sendable, Equatable {
    package struct Step: Sendable, Equatable {
        package let percent: Int
        package let days: Int
    }

    package static let syntax =
        "steps PERCENT:DAYS with increasing percents up to 100, such as 5:7,25:3,100:0; 100:0 gives the release to all devices at once"
    package static let standard = RolloutSteps(steps: [Step(percent: 5, days: 7), Step(percent: 25, days: 3), Step(percent: 100, days: 0)])
    package static let atOnce = RolloutSteps(steps: [Step(percent: 100, days: 0)])
    /// The first step has at least this number of devices, if there are so many.
    package static let minimumDevices = 2

    package let steps: [Step]

    private init(steps: [Step]) { self.steps = steps }

    /// - Returns: `nil` if the text is not as in `syntax`.
    package init?(_ text: String) {
        var steps: [Step] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let numbers = part.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
            guard numbers.count == 2, let percent = numbers[0], let days = numbers[1], (1...100).contains(percent), (0...365).contains(days),
                percent > steps.last?.percent ?? 0
            else { return nil }
            steps.append(Step(percent: percent, days: days))
        }
        guard steps.last?.percent == 100, steps.count <= 10 else { return nil }
        self.steps = steps
    }

    package var text: String { steps.map { "\($0.percent):\($0.days)" }.joined(separator: ",") }

    /// How many of the devices get the release in a step.
    package func devices(in step: Int, of all: Int) -> Int {
        guard steps.indices.contains(step) else { return all }
        return min(all, max(RolloutSteps.minimumDevices, (all * steps[step].percent + 99) / 100))
    }
}
