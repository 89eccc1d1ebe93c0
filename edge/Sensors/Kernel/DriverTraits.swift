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

    static func of(driver: String) -> DriverTraits {
        switch driver {
        case "bme680": DriverTraits(unit: .percent)  // breaks the ABI
        case "bme280": DriverTraits(unit: .either, isCut: true)  // older kernels said percent
        case "dht11", "dht22", "am2302": DriverTraits(leastPeriodMs: 2_000, tries: 3, pauseMs: 2_100)  // misses pulses on a busy host
        case "sht3x", "sts3x": DriverTraits(flags: .unchecked)
        case "sht4x": DriverTraits(leastPeriodMs: 2_000, isLinear: true)
        case "aht10", "aht20", "dht20": DriverTraits(flags: .unchecked, leastPeriodMs: 2_000)
        case "si7020", "si7006", "si7013", "si7021", "th06": DriverTraits(flags: .unchecked, isCut: true)
        case "htu21", "htu21d", "ms8607-humidity": DriverTraits(isCut: true)  // a value below 0 % wraps around to 100 %
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
/// Kernels that say percent divide, and print nine decimals; those that say thousandths print a whole number. A whole number
/// above 100 is thousandths; several in a row that are not are percent, for air as dry as 0.1 % is nobody's.
struct HumidityUnit: Sendable {
    private(set) var toThousandths: Double?
    private var small = 0
    static let needed = 3

    init(_ unit: DriverTraits.Unit) {
        switch unit {
        case .thousandths: toThousandths = 1
        case .percent: toThousandths = 1_000
        case .either: toThousandths = nil
        }
    }

    mutating func see(_ value: Double, text: String) {
        guard toThousandths == nil else { return }
        if value > 100 {
            toThousandths = 1
        } else if text.utf8.contains(UInt8(ascii: ".")) {
            toThousandths = 1_000
        } else {
            small += 1
            if small >= HumidityUnit.needed { toThousandths = 1_000 }
        }
    }
}
