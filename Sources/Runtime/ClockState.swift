internal import CLinux
package import Measures

/// How well the host's clock is kept, by the kernel's own account.
package enum ClockState {
    private static let startOf2026 = Instant(ms: 1_767_225_600_000)

    package static func quality() -> ClockQuality {
        if clinux_clock_is_synchronised() == 1 { return .synchronised }
        // A board without a battery starts in 1970, or where its last shutdown saved it: before this program was written.
        return LabelClock.wallClock > startOf2026 ? .holdover : .unknown
    }
}
