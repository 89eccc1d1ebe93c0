package import Measures
internal import Text

/// Times given by a calendar expression of five fields, as in cron: minute, hour, day of month, month, day of week. All times are UTC.
///
/// A field is `*`, a number, a range `1-5`, a list `1,15`, or any of them with a step `*/15`. Days of the week are 0 to 7; 0 and 7 are Sunday. If both
/// days are restricted, a time must match one of them, as in cron.
package struct CalendarSchedule: Sendable, Equatable {
    private let minutes, hours, daysOfMonth, months, daysOfWeek: Set<Int>
    private let isAnyDayOfMonth, isAnyDayOfWeek: Bool

    package static let syntax = "five fields as in cron, in UTC: minute hour day-of-month month day-of-week, such as 30 3 * * 1"

    /// - Returns: `nil` if the text is not such an expression, or never matches a time.
    package init?(_ text: String) {
        let fields = text.split(separator: " ").map(String.init)
        guard fields.count == 5, let minutes = Self.values(fields[0], 0...59), let hours = Self.values(fields[1], 0...23),
            let daysOfMonth = Self.values(fields[2], 1...31), let months = Self.values(fields[3], 1...12),
            let daysOfWeek = Self.values(fields[4], 0...7)
        else { return nil }
        (self.minutes, self.hours, self.daysOfMonth, self.months) = (minutes, hours, daysOfMonth, months)
        self.daysOfWeek = Set(daysOfWeek.map { $0 % 7 })
        (isAnyDayOfMonth, isAnyDayOfWeek) = (fields[2].hasPrefix("*"), fields[4].hasPrefix("*"))
        guard next(after: Instant(ms: 0)) != nil else { return nil }
    }

    private static func values(_ field: String, _ range: ClosedRange<Int>) -> Set<Int>? {
        var values: Set<Int> = []
        for part in field.split(separator: ",", omittingEmptySubsequences: false) {
            let pieces = part.split(separator: "/", omittingEmptySubsequences: false)
            guard pieces.count <= 2, let base = pieces.first else { return nil }
            let step = pieces.count == 2 ? Int(pieces[1]) : 1
            guard let step, (1...range.upperBound + 1).contains(step) else { return nil }
            let span: ClosedRange<Int>
            if base == "*" {
                span = range
            } else {
                let ends = base.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
                guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last, range.contains(first),
                    range.contains(last)
                else { return nil }
                span = first...(pieces.count == 2 && ends.count == 1 ? range.upperBound : last)
            }
            values.formUnion(stride(from: span.lowerBound, through: span.upperBound, by: step))
        }
        return values
    }

    /// The first time after an instant; `nil` if there is none within nine years, which have at least one 29 February.
    package func next(after instant: Instant) -> Instant? {
        var day = instant.ms / 86_400_000
        let firstMinute = Int(instant.ms / 60_000 % 1_440) + 1
        for offset in 0..<(9 * 366) {
            defer { day += 1 }
            guard matches(day) else { continue }
            for minute in (offset == 0 ? firstMinute : 0)..<1_440 where hours.contains(minute / 60) && minutes.contains(minute % 60) {
                return Instant(ms: day * 86_400_000 + Int64(minute) * 60_000)
            }
        }
        return nil
    }

    /// - Parameter day: days since 1970.
    private func matches(_ day: Int64) -> Bool {
        let date = RFC3339.date(ms: day * 86_400_000)
        guard months.contains(Int(date.month)) else { return false }
        let isDayOfMonth = daysOfMonth.contains(Int(date.day))
        let isDayOfWeek = daysOfWeek.contains(Int((day + 4) % 7))  // 1 January 1970 was a Thursday
        return isAnyDayOfMonth || isAnyDayOfWeek ? isDayOfMonth && isDayOfWeek : isDayOfMonth || isDayOfWeek
    }
}
