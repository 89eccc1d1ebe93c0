internal import Measures

/// What is peculiar to a driver. Source: the drivers below drivers/iio/humidity, drivers/iio/pressure, drivers/iio/chemical and
/// drivers/hwmon of Linux, and Documentation/hwmon.
struct DriverTraits: Sendable, Equatable {
    /// What a humidity attribute's number is.
    enum Unit: Sendable { case thousandths, percent, either }

    var unit = Unit.thousandths
    var flags: ReadingFlags = []
    /// Sooner than this the driver says its last conversion again, in milliseconds.
    var leastPeriodMs: Int64 = 0
    /// Tries at a read that failed by what is normal for the part, with a pause between them.
    var tries = 1
    var pauseMs: Int64 = 0
    /// The driver cuts to 0 and 100 %: exactly these may have been beyond.
    var isCut = false
    /// The driver passes on what the part's straight line gives: −6 to 119 %.
    var isLinear = false
    /// A value just below 0 % is said as 100 %.
    var wrapsAtZero = false
    /// An invalid conversion is said as 0 % and −50 °C.
    var saysZeroForNone = false

    static func of(driver: String) -> DriverTraits {
        switch driver {
        case "bme680": DriverTraits(unit: .percent)  // breaks the ABI
        case "bme280": DriverTraits(unit: .either, isCut: true)  // older kernels said percent
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

    /// Of the first of a device's names that has any.
    static func of(_ names: [String]) -> DriverTraits {
        names.map(DriverTraits.of(driver:)).first { $0 != DriverTraits() } ?? DriverTraits()
    }
}

/// Tells percent from thousandths of a percent where a driver's kernels said either.
///
/// Old kernels say percent, with nine decimals; later ones a whole number of thousandths, the newest those with nine decimals. What is
/// above 100 is thousandths, whatever was believed before; decimals up to 100, and several whole numbers in a row up to 100, are
/// percent, for air as dry as 0.1 % is nobody's. 0 is 0 in either.
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
            isOpen = false  // a number of percent never says so
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
