internal import Measures

/// A device's report about the settings that an admin has chosen in the cloud.
package struct SettingsReport: Sendable, Hashable {
    package static let problemLimit = 300  // bytes

    package let serial: UInt64  // of the settings that the device has applied or refused; 0: none
    package let problem: String?  // why it has refused them

    package init(serial: UInt64, problem: String? = nil) {
        self.serial = serial
        self.problem = problem.flatMap { $0.isEmpty ? nil : $0.truncated(toBytes: SettingsReport.problemLimit) }
    }
}
