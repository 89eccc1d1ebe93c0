internal import Text

/// A time as a logger writes it: date and time of day, with or without an offset from UTC.
struct LocalTime: Equatable {
    var seconds: Int64  // from 1970-01-01 00:00 to this time, both on the logger's clock
    var milliseconds: Int64 = 0
    var offset: Int64?  // seconds east of UTC, if the text says so
}

/// In which order a logger writes day, month and year. The year is first if it has four digits there.
package enum DateOrder: String, Sendable, CaseIterable {
    case yearMonthDay = "ymd"
    case dayMonthYear = "dmy"
    case monthDayYear = "mdy"

    /// How people write this order.
    package var example: String {
        switch self {
        case .yearMonthDay: "2026-11-21"
        case .dayMonthYear: "21.11.2026"
        case .monthDayYear: "11/21/2026"
        }
    }
}

/// Reads times such as `2026-11-21 04:10`, `21.11.2026 04:10:00`, `11/21/26 04:10:00 AM`, `21 Nov 2026 04:10`, `2026-11-21T04:10:00+01:00`, or
/// seconds since 1970.
enum TimeText {
    /// The three numbers of a date, in the order of the text; `nil` without a date.
    static func dateNumbers(_ text: some StringProtocol) -> (Int64, Int64, Int64)? {
        var scanner = Scanner(text)
        return scanner.date().map { ($0[0], $0[1], $0[2]) }
    }

    static func parse(_ text: some StringProtocol, _ order: DateOrder) -> LocalTime? {
        var scanner = Scanner(text)
        if let epoch = scanner.epoch() { return epoch }
        guard let numbers = scanner.date() else { return nil }
        let year: Int64, month: Int64, day: Int64
        if numbers[0] > 31 {
            (year, month, day) = (numbers[0], numbers[1], numbers[2])
        } else {
            switch order {
            case .yearMonthDay: (year, month, day) = (numbers[0], numbers[1], numbers[2])
            case .dayMonthYear: (year, month, day) = (numbers[2], numbers[1], numbers[0])
            case .monthDayYear: (year, month, day) = (numbers[2], numbers[0], numbers[1])
            }
        }
        guard let midnight = RFC3339.seconds(ofYear: year < 100 ? year + 2_000 : year, month: month, day: day) else { return nil }
        var time = LocalTime(seconds: midnight)
        guard let clock = scanner.timeOfDay() else { return scanner.isAtEnd ? time : nil }
        time.seconds += clock.seconds
        time.milliseconds = clock.milliseconds
        time.offset = scanner.offset()
        return scanner.isAtEnd ? time : nil
    }

    private struct Scanner {
        private let bytes: [UInt8]
        private var position = 0

        init(_ text: some StringProtocol) { bytes = Array(text.utf8) }

        var isAtEnd: Bool { !bytes[position...].contains { $0 != 32 } }
        private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

        private mutating func skip(_ allowed: (UInt8) -> Bool) { while let byte = next, allowed(byte) { position += 1 } }

        private mutating func take(_ byte: UInt8) -> Bool {
            guard next == byte else { return false }
            position += 1
            return true
        }

        private mutating func number(_ digits: ClosedRange<Int>) -> Int64? {
            let start = position
            var value: Int64 = 0
            while let byte = next, (48...57).contains(byte), position - start < digits.upperBound {
                value = value * 10 + Int64(byte - 48)
                position += 1
            }
            guard position - start >= digits.lowerBound else { return nil }
            return value
        }

        /// Seconds or milliseconds since 1970: a whole field of 9 to 13 digits.
        mutating func epoch() -> LocalTime? {
            guard (9...13).contains(bytes.count), bytes.allSatisfy({ (48...57).contains($0) }), let value = number(9...13) else { return nil }
            return bytes.count <= 10
                ? LocalTime(seconds: value, offset: 0) : LocalTime(seconds: value / 1_000, milliseconds: value % 1_000, offset: 0)
        }

        /// Three numbers between `-`, `.`, `/` or blanks; the month may be a name.
        mutating func date() -> [Int64]? {
            skip { $0 == 32 }
            var numbers: [Int64] = []
            while numbers.count < 3 {
                guard let part = number(1...4) ?? month() else { return nil }
                numbers.append(part)
                if numbers.count < 3 {
                    let before = position
                    skip { $0 == 32 || $0 == 45 || $0 == 46 || $0 == 47 || $0 == 44 }
                    guard position > before else { return nil }
                }
            }
            return numbers
        }

        private mutating func month() -> Int64? {
            let name = String(decoding: bytes[position...].prefix { (65...90).contains($0) || (97...122).contains($0) }, as: UTF8.self)
            let names = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
            guard name.utf8.count >= 3, let index = names.firstIndex(where: { name.lowercased().hasPrefix($0) }) else { return nil }
            position += name.utf8.count
            return Int64(index + 1)
        }

        /// `nil` if the text goes on with something else; then nothing is consumed, so that the text is not a time.
        mutating func timeOfDay() -> (seconds: Int64, milliseconds: Int64)? {
            let start = position
            let found = scannedTimeOfDay()
            if found == nil { position = start }
            return found
        }

        private mutating func scannedTimeOfDay() -> (seconds: Int64, milliseconds: Int64)? {
            skip { $0 == 32 || $0 == 84 || $0 == 44 }
            guard var hour = number(1...2), take(58), let minute = number(2...2), hour < 24, minute < 60 else { return nil }
            var second: Int64 = 0
            var milliseconds: Int64 = 0
            if take(58) {
                guard let found = number(2...2), found < 60 else { return nil }
                second = found
                if take(46) || take(44) {
                    let digits = position
                    guard let fraction = number(1...9) else { return nil }
                    milliseconds = fraction
                    for _ in 0..<max(0, 3 - (position - digits)) { milliseconds *= 10 }
                    for _ in 0..<max(0, position - digits - 3) { milliseconds /= 10 }
                }
            }
            if let isAfternoon = halfOfDay() {
                guard (1...12).contains(hour) else { return nil }
                hour = hour % 12 + (isAfternoon ? 12 : 0)
            }
            return (hour * 3_600 + minute * 60 + second, milliseconds)
        }

        /// `AM`, `pm`, `a. m.`: whether it is the afternoon.
        private mutating func halfOfDay() -> Bool? {
            let start = position
            skip { $0 == 32 || $0 == 0xC2 || $0 == 0xA0 || $0 == 0xE2 || $0 == 0x80 || $0 == 0xAF }  // blanks that do not break
            guard let first = next, [65, 97, 80, 112].contains(first) else {
                position = start
                return nil
            }
            position += 1
            skip { $0 == 46 || $0 == 32 }
            guard take(77) || take(109) else {
                position = start
                return nil
            }
            skip { $0 == 46 }
            return first == 80 || first == 112
        }

        /// `Z`, `UTC`, `+01:00`, `+0100`, `GMT-4`: seconds east of UTC.
        mutating func offset() -> Int64? {
            let start = position
            skip { $0 == 32 || $0 == 40 }
            if take(90) || take(122) { return 0 }
            let name = String(decoding: bytes[position...].prefix(3), as: UTF8.self).uppercased()
            let isNamed = name == "UTC" || name == "GMT"
            if isNamed { position += 3 }
            guard let sign = next, sign == 43 || sign == 45 else {
                if !isNamed { position = start }
                return isNamed ? 0 : nil
            }
            position += 1
            guard let hours = number(1...2), hours <= 14 else { return nil }
            _ = take(58)
            let minutes = number(2...2) ?? 0
            skip { $0 == 41 }
            return (hours * 3_600 + minutes * 60) * (sign == 43 ? 1 : -1)
        }
    }
}
