internal import Measures

/// Peculiarities of a driver. Source: the drivers in drivers/iio/humidity, drivers/iio/pressure, drivers/iio/chemical and drivers/hwmon of
/// Linux, and Documentation/hwmon.
struct DriverTraits: Sendable, Equatable {
    /// The unit of a humidity attribute.
    enum Unit: Sendable { case thousandths, percent, either }

    var unit = Unit.thousandths
    var flags: ReadingFlags = []
    /// Within this time after a conversion the driver repeats the last conversion, in milliseconds.
    var minimumPeriodMs: Int64 = 0
    /// Tries of a read, if some failures are normal for the part; with a pause between tries.
    var tries = 1
    var pauseMs: Int64 = 0
    /// The driver clamps to 0 and 100 %: the true value of a reading of exactly 0 or 100 % may be outside.
    var isClamping = false
    /// The driver does not clamp the linear conversion of the part: −6 to 119 %.
    var isUnclamped = false
    /// A value just below 0 % is reported as 100 %.
    var wrapsAtZero = false
    /// An invalid conversion is reported as 0 % and −50 °C.
    var reportsInvalidAsZero = false

    static func of(driver: String) -> DriverTraits {
        switch driver {
        case "bme680": DriverTraits(unit: .percent)  // does not follow the ABI of sysfs, which requires thousandths
        case "bme280": DriverTraits(unit: .either, isClamping: true)  // older kernels report percent
        case "dht11", "dht22", "am2302": DriverTraits(minimumPeriodMs: 2_000, tries: 3, pauseMs: 2_100)  // misses pulses on a busy host
        case "sht3x", "sts3x": DriverTraits(flags: .unchecked)
        case "sht4x": DriverTraits(minimumPeriodMs: 2_000, isUnclamped: true)
        case "sht21", "sht20", "sht25": DriverTraits(flags: .unchecked, minimumPeriodMs: 500, isUnclamped: true)
        case "hts221": DriverTraits(isUnclamped: true)  // the part is calibrated at two points; values beyond these points are extrapolated
        case "aht10", "aht20", "dht20": DriverTraits(flags: .unchecked, minimumPeriodMs: 2_000, reportsInvalidAsZero: true)
        case "si7020", "si7006", "si7013", "si7021", "th06": DriverTraits(flags: .unchecked, isClamping: true)
        case "htu21", "htu21d", "ms8607-humidity": DriverTraits(isClamping: true, wrapsAtZero: true)
        default: DriverTraits()
        }
    }

    /// The traits of the first name of a device that has any.
    static func of(_ names: [String]) -> DriverTraits {
        names.map(DriverTraits.of(driver:)).first { $0 != DriverTraits() } ?? DriverTraits()
    }
}

/// Distinguishes percent from thousandths of a percent for a driver that reports either, depending on the kernel.
///
/// Old kernels report percent with nine decimals; later kernels a whole number of thousandths; the newest kernels thousandths with nine
/// decimals. A value above 100 is in thousandths, even if earlier values were taken as percent. A value up to 100 with decimals, or several
/// whole numbers up to 100 in a row, are percent, because air as dry as 0.1 % does not occur. 0 is the same in both units.
struct HumidityUnit: Sendable {
    private(set) var factorToThousandths: Double?
    private var isUndecided: Bool
    private var smallValues = 0
    static let requiredValues = 3

    init(_ unit: DriverTraits.Unit) {
        isUndecided = unit == .either
        switch unit {
        case .thousandths: factorToThousandths = 1
        case .percent: factorToThousandths = 1_000
        case .either: factorToThousandths = nil
        }
    }

    mutating func observe(_ value: Double, text: String) {
        guard isUndecided else { return }
        if value > 100 {
            factorToThousandths = 1
            isUndecided = false  // final: a number in percent is never above 100
        } else if factorToThousandths != nil || value == 0 {
            return
        } else if text.utf8.contains(UInt8(ascii: ".")) {
            factorToThousandths = 1_000
        } else {
            smallValues += 1
            if smallValues >= HumidityUnit.requiredValues { factorToThousandths = 1_000 }
        }
    }
}
