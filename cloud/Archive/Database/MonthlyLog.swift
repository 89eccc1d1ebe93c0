internal import Measures

/// A log of batches that has a table for each month of arrival.
protocol MonthlyLog {
    /// Closes the months that ended before the cutoff, so that no batch can be added to them.
    func closeMonths(before cutoff: Instant) throws -> [LogMonth]

    /// Finds the device with the lowest id above `device` that has batches in the month.
    /// - Returns: the highest batch id and the highest sequences of this device in the month; `nil` if there is no such device.
    func nextDevice(in month: LogMonth, after device: Int64) throws -> ExpiredBatches?

    /// Deletes the table of a month.
    func drop(_ month: LogMonth) throws
}
