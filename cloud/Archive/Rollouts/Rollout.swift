package import Measures

extension Archive {
    /// A release on its way to the devices, step by step.
    package struct Rollout: Sendable, Equatable {
        package enum State: String, Sendable, CaseIterable {
            case running
            case paused
            case aborting  // the devices get the previous release again; ends when they report another release
            case rolling_back  // the same, because of the devices' errors
            case completed
            case aborted
            case rolled_back
        }

        package let id: Int64
        package let release: UInt64
        package let control: UInt64?  // the release that the devices had before; `nil`: the shipped release
        package let tags: [String]  // empty: every device that is not pinned
        package let steps: RolloutSteps
        package let step: Int
        package let changedAt: Instant  // the last change of the state, or the step's beginning
        package let through: Int64  // devices up to this place get the release
        package let state: State
        package let author: String
        package let cause: String
        package let run: Int64?
        package let createdAt: Instant
        package let endedAt: Instant?
        package let detail: String

        /// Whether the devices that the rollout has reached get its release.
        package var isOffered: Bool { [.running, .paused].contains(state) }
        package var isReturning: Bool { [.aborting, .rolling_back].contains(state) }
        package var isLastStep: Bool { step >= steps.steps.count - 1 }
    }

    package struct RolloutEvent: Sendable, Equatable {
        package let at: Instant
        package let author: String
        package let event: String
        package let reason: String
    }
}
