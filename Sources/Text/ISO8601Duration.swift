/// `PT30M`, `PT24H`, `P5D`, `P1DT12H`: days, hours, minutes and seconds.
package enum ISO8601Duration {
    /// - Returns: `nil` if the text is not a duration above zero, or is longer than ten years.
    package static func parse(_ text: String) -> Duration? {
        guard text.utf8.first == 80, text.utf8.count > 2 else { return nil }
        var seconds: Int64 = 0
        var number: Int64?
        var isTime = false
        for byte in text.utf8.dropFirst() {
            switch byte {
            case 48...57:
                number = (number ?? 0) * 10 + Int64(byte - 48)
                guard number ?? 0 < 1_000_000_000 else { return nil }
            case 84 where !isTime && number == nil: isTime = true
            default:
                guard let count = number else { return nil }
                switch (byte, isTime) {
                case (68, false): seconds += count * 86_400
                case (72, true): seconds += count * 3_600
                case (77, true): seconds += count * 60
                case (83, true): seconds += count
                default: return nil
                }
                number = nil
            }
        }
        guard number == nil, seconds > 0, seconds <= 315_360_000 else { return nil }
        return .seconds(seconds)
    }
}
