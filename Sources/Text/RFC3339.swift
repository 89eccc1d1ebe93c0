/// Instants as text in UTC: `2026-11-21T04:10:00Z`, with `.123` only if the milliseconds are not 0.
package enum RFC3339 {
    package static func format(ms: Int64) -> String {
        let ms = min(max(ms, -62_167_219_200_000), 253_402_300_799_999)  // limited to the years 0000 to 9999: a damaged row can hold any number
        let days = floorDivide(ms, 86_400_000)
        var rest = ms - days * 86_400_000
        let date = civil(fromDays: days)
        let milliseconds = rest % 1_000
        rest /= 1_000
        var text = padded(date.year, 4) + "-" + padded(date.month, 2) + "-" + padded(date.day, 2) + "T"
        text += padded(rest / 3_600, 2) + ":" + padded(rest / 60 % 60, 2) + ":" + padded(rest % 60, 2)
        if milliseconds != 0 { text += "." + padded(milliseconds, 3) }
        return text + "Z"
    }

    /// Milliseconds since 1970, or `nil` if the text is not an RFC 3339 time of the years 0000 to 9999.
    ///
    /// A space may replace `T`, digits after the milliseconds are ignored, and an offset (`+01:00`) is applied.
    package static func parse(_ text: some StringProtocol) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20,
            bytes[4] == 45, bytes[7] == 45, bytes[13] == 58, bytes[16] == 58,
            bytes[10] == 84 || bytes[10] == 116 || bytes[10] == 32,
            let year = digits(bytes, 0, 4), let month = digits(bytes, 5, 2), let day = digits(bytes, 8, 2),
            let hour = digits(bytes, 11, 2), let minute = digits(bytes, 14, 2), let second = digits(bytes, 17, 2),
            (1...12).contains(month), day >= 1, day <= length(ofMonth: month, year: year),
            hour < 24, minute < 60, second < 60
        else { return nil }
        var position = 19
        var milliseconds: Int64 = 0
        if bytes[position] == 46 {
            position += 1
            var unit: Int64 = 100
            let start = position
            while position < bytes.count, (48...57).contains(bytes[position]) {
                milliseconds += Int64(bytes[position] - 48) * unit
                unit /= 10
                position += 1
            }
            guard position > start else { return nil }
        }
        guard position < bytes.count else { return nil }
        var offset: Int64 = 0
        switch bytes[position] {
        case 90, 122: guard bytes.count == position + 1 else { return nil }
        case 43, 45:
            guard bytes.count == position + 6, bytes[position + 3] == 58,
                let hours = digits(bytes, position + 1, 2), let minutes = digits(bytes, position + 4, 2), hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 3_600 + minutes * 60) * (bytes[position] == 43 ? 1 : -1)
        default: return nil
        }
        let seconds = days(fromCivil: year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset
        return seconds * 1_000 + milliseconds
    }

    private static func digits(_ bytes: [UInt8], _ start: Int, _ count: Int) -> Int64? {
        var value: Int64 = 0
        for byte in bytes[start..<start + count] {
            guard (48...57).contains(byte) else { return nil }
            value = value * 10 + Int64(byte - 48)
        }
        return value
    }

    /// The year, the month (1 to 12) and the day (1 to 31) of an instant, in UTC.
    package static func date(ms: Int64) -> (year: Int64, month: Int64, day: Int64) { civil(fromDays: floorDivide(ms, 86_400_000)) }

    package static func month(ms: Int64) -> (year: Int64, month: Int64) {
        let date = date(ms: ms)
        return (date.year, date.month)
    }

    /// Midnight UTC at the start of a month, in milliseconds since 1970.
    /// - Parameter month: 1 to 12.
    package static func start(ofMonth month: Int64, year: Int64) -> Int64 { days(fromCivil: year, month, 1) * 86_400_000 }

    /// Midnight UTC of a date, in seconds since 1970; `nil` if there is no such date.
    package static func seconds(ofYear year: Int64, month: Int64, day: Int64) -> Int64? {
        guard (1...9_999).contains(year), (1...12).contains(month), day >= 1, day <= length(ofMonth: month, year: year) else { return nil }
        return days(fromCivil: year, month, day) * 86_400
    }

    private static func length(ofMonth month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    // Days and civil dates of the proleptic Gregorian calendar, counted in 400-year eras that begin on 1 March.
    // Source of the method: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    private static func days(fromCivil year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let y = month <= 2 ? year - 1 : year
        let era = floorDivide(y, 400)
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let z = days + 719_468
        let era = floorDivide(z, 146_097)
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }

    private static func floorDivide(_ a: Int64, _ b: Int64) -> Int64 { a % b < 0 ? a / b - 1 : a / b }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}
