internal import Measures

/// Peculiarities of a driver. Source: the drivers in drivers/iio/humidity, drivers/iio/pressure, drivers/iio/chemical and drivers/hwmon of
/// Linux, and Documentation/hwmon.
struct DriverTraits: Sendable, Equatable {
    /// The unit of a humidity attribute.
    enum Unit: Sendable { case thousandths, percent, either }

    var unit = Unit.thousandths
    var flags: ReadingFlags = []
    /// Within this time after a conversion the driver repeats the last conversion, in milliseconds.
    var leastPeriodMs: Int64 = 0
    /// Tries of a read, if some failures are normal for the part; with a pause between tries.
    var tries = 1
    var pauseMs: Int64 = 0
    /// The driver clamps to 0 and 100 %: the true value of a reading of exactly 0 or 100 % may be outside.
    var isCut = false
    /// The driver does not clamp the linear conversion of the part: −6 to 119 %.
    var isLinear = false
    /// A value just below 0 % is reported as 100 %.
    var wrapsAtZero = false
    /// An invalid conversion is reported as 0 % and −50 °C.
    var saysZeroForNone = false

    static func of(driver: String) -> DriverTraits {
        switch driver {
        case "bme680": DriverTraits(unit: .percent)  // breaks the ABI
        case "bme280": DriverTraits(unit: .either, isCut: true)  // older kernels report percent
        case "dht11", "dht22", "am2302": DriverTraits(leastPeriodMs: 2_000, tries: 3, pauseMs: 2_100)  // misses pulses on a busy host
        case "sht3x", "sts3x": DriverTraits(flags: .unchecked)
        case "sht4x": DriverTraits(leastPeriodMs: 2_000, isLinear: true)
        case "sht21", "sht20", "sht25": DriverTraits(flags: .unchecked, leastPeriodMs: 500, isLinear: true)
        case "hts221": DriverTraits(isLinear: true)  // a line through two points that were measured in the factory
        case "aht10", "aht20", "dht20": DriverTraits(flags: .unchecked, leastPeriodMs: 2_000, saysZeroForNone: true)
        case "si7020", "si7006", "si7013", "si7021", "th06": DriverTraits(flags: .unchecked, isCut: true)
        case "htu21", "htu21d", "ms8607-humidity": DriverTraits(isCut: true, wrapsAtZero: true)
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
/// decimals. A value above 100 is in thousandths, whatever was decided before. A value up to 100 with decimals, or several whole numbers up
/// to 100 in a row, are percent, because air as dry as 0.1 % does not occur. 0 is the same in both units.
struct HumidityUnit: Sendable {
    private(set) var toThousandths: Double?
    private var isOpen: Bool
    private var small = 0
    static let needed = 3

    init(_ unit: DriverTraits.Unit) {
        isOpen = unit == .either
        switch unit {
        case .thousandths: toThousandths = 1
        case .percent: toThousandths = 1_000
        case .either: toThousandths = nil
        }
    }

    mutating func see(_ value: Double, text: String) {
        guard isOpen else { return }
        if value > 100 {
            toThousandths = 1
            isOpen = false  // final: a number in percent is never above 100
        } else if toThousandths != nil || value == 0 {
            return
        } else if text.utf8.contains(UInt8(ascii: ".")) {
            toThousandths = 1_000
        } else {
            small += 1
            if small >= HumidityUnit.needed { toThousandths = 1_000 }
        }
    }
}
