internal import Glibc
internal import Measures
internal import Observing
internal import Runtime
internal import Text

/// A sensor with a kernel driver, read through sysfs: IIO or hwmon.
///
/// The device is found by the name of its driver or chip, never by its number: numbers change between boots and when the device is plugged in
/// again.
package actor KernelSensor: Sensor {
    private let executor = BlockingExecutor(label: "kernel-sensor")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    package nonisolated let identity: SensorIdentity
    private let interface: KernelDevice.Interface
    private let name: KernelDeviceName
    private let sysfs: String
    private var openDevice: OpenDevice?
    private let now: @Sendable () -> ContinuousClock.Instant
    private let pause: @Sendable (Duration) async throws -> Void

    /// The device found by the last search, and the state of its readings.
    private struct OpenDevice {
        let device: KernelDevice
        let traits: DriverTraits
        var unit: HumidityUnit
        var lastConversionAt: ContinuousClock.Instant?  // the last conversion ended at this time or earlier
        var last: Double?  // humidity, in thousandths
        var wrapCount = 0  // consecutive readings that may have wrapped around zero
        var folder: String { device.folder }
        /// Whether the folder still belongs to this device: another device may have taken the number without an error in between.
        var isStillPresent: Bool { KernelDevice(device.interface, folder: folder) == device }
    }

    package init(
        _ interface: KernelDevice.Interface, name: KernelDeviceName, sysfs: String,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now },
        pause: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        self.now = now
        self.pause = pause
        self.interface = interface
        self.name = name
        self.sysfs = sysfs
        identity = SensorIdentity(kind: interface.rawValue, driver: name.description)
    }

    package func read() async throws -> Sample? {
        var device = try openDevice.flatMap { $0.isStillPresent ? $0 : nil } ?? find()
        openDevice = nil  // after an error the device may return under another number
        var tries = device.traits.tries
        while true {
            do {
                let sample = try sample(&device)
                openDevice = device
                return sample
            } catch let error as SensorError where error.isTransient && tries > 1 {
                tries -= 1
                try await pause(.milliseconds(max(10, device.traits.pauseMs)))
            }
        }
    }

    private func find() throws -> OpenDevice {
        let folder = "\(sysfs)/\(interface.folder)"
        let devices: [KernelDevice]
        do { devices = try KernelDevice.all(interface, sysfs: sysfs) } catch {
            throw SensorError("\(error): is the driver loaded?")
        }
        let matching = devices.filter { name.matches($0) }
        if let device = matching.first, matching.count == 1 {
            let traits = DriverTraits.of(device.names)
            return OpenDevice(device: device, traits: traits, unit: HumidityUnit(traits.unit))
        }
        if matching.count > 1 {
            let each = matching.map { "\(interface.rawValue):\(name.name)@\($0.address ?? "?")" }.sorted().joined(separator: ", ")
            throw SensorError("there are \(matching.count) \(interface.rawValue) devices named «\(name)»: configure one of \(each)")
        }
        let others = Set(
            devices.filter { !$0.name.isEmpty }.map { KernelDeviceName(name: $0.name, address: $0.address).description }.filter { !$0.isEmpty }
        ).sorted()
        let there = others.isEmpty ? "there is none" : "there are \(WordList.text(others))"
        throw SensorError("no \(interface.rawValue) device named «\(name)» below \(folder): \(there)")
    }

    private func sample(_ device: inout OpenDevice) throws -> Sample {
        let folder = device.folder
        var flags = device.traits.flags
        if let lastConversionAt = device.lastConversionAt, now() - lastConversionAt < minimumPeriod(device) { flags.insert(.cached) }
        let read = interface == .hwmon ? try attribute("\(folder)/humidity1_input")?.value : try humidityInThousandths(&device)
        guard let humidity = read else { throw SensorError("\(folder) has no humidity attribute") }
        // An unreadable temperature or pressure must not discard the humidity.
        let temperature = try? interface == .hwmon ? attribute("\(folder)/temp1_input")?.value : channel(folder, "in_temp")?.value
        let pressure = interface == .iio ? try? channel(folder, "in_pressure")?.value : nil
        if isHeated(folder) { flags.insert(.heated) }
        // The driver counts its minimum period from the end of a conversion, which is before now.
        if !flags.contains(.cached) { device.lastConversionAt = now() }
        if device.traits.reportsInvalidAsZero, humidity == 0, temperature == -50_000 {
            throw SensorError("\(folder) reads 0 % at -50 °C: the driver has no valid measurement", isTransient: true)
        }
        if hasWrapped(humidity, &device) { flags.insert(.impossible) } else { device.last = humidity }
        guard let mpct = Milli.rounded(humidity / 1_000) else {
            throw SensorError("\(folder) reads a humidity of \(humidity), which is out of range")
        }
        let isClamped =
            device.traits.isClamping
            ? mpct == 0 || mpct == 100_000 : device.traits.isUnclamped && QualityControl.isSlightlyOutOfRange(humidityMpct: mpct)
        if isClamped { flags.insert(.clamped) }
        if QualityControl.isImpossible(humidityMpct: mpct), !isClamped { flags.insert(.impossible) }
        return Sample(
            humidityMpct: mpct, temperatureMc: temperature.flatMap { Milli.rounded($0 / 1_000) }, pressurePa: pressure.flatMap(Self.pascals),
            flags: flags)
    }

    /// Files that switch a chip's heater, in the order of reading: a switch overrides a configured power.
    /// Source: Documentation/hwmon/sht3x and sht4x of Linux, Documentation/ABI/testing/sysfs-bus-iio-humidity.
    private static let heaterFiles = ["heater_enable", "heater1_enable", "heater_en", "out_current_heater_raw", "out_current0_heater_raw"]

    private func isHeated(_ folder: String) -> Bool {
        for file in KernelSensor.heaterFiles {
            if let value = try? attribute("\(folder)/\(file)")?.value { return value != 0 }
        }
        return false
    }

    /// Whether a reading is a value below 0 % that the driver reports as 100 %. Air does not jump from below 10 % to 100 %; the fourth such
    /// reading in a row is accepted.
    private func hasWrapped(_ humidity: Double, _ device: inout OpenDevice) -> Bool {
        let isSuspect = device.traits.wrapsAtZero && humidity == 100_000 && device.last ?? 100_000 < 10_000 && device.wrapCount < 3
        device.wrapCount = isSuspect ? device.wrapCount + 1 : 0
        return isSuspect
    }

    /// The time after a conversion within which the driver repeats the conversion: from its traits, or from its configured update interval.
    private func minimumPeriod(_ device: OpenDevice) -> Duration {
        guard device.traits.minimumPeriodMs > 0 || interface == .hwmon else { return .zero }
        let set = interface == .hwmon ? (try? attribute("\(device.folder)/update_interval")?.value) ?? 0 : 0
        let minimum = max(Double(device.traits.minimumPeriodMs), min(set, 3_600_000))
        return minimum > 0 ? .milliseconds(Int64(minimum) + 100) : .zero
    }

    /// - Parameter value: in kPa according to the ABI; in hPa from the bme680 driver until 2024.
    private static func pascals(_ value: Double) -> Int32? {
        let kilopascals = value > 200 ? value / 10 : value
        guard (30...110).contains(kilopascals) else { return nil }
        return Milli.rounded(kilopascals)
    }

    private func humidityInThousandths(_ device: inout OpenDevice) throws -> Double? {
        for _ in 0..<HumidityUnit.requiredValues {
            guard let read = try channel(device.folder, "in_humidityrelative") else { return nil }
            device.unit.observe(read.value, text: read.text)
            if let factor = device.unit.factorToThousandths { return read.value * factor }
            if read.value == 0 { return 0 }
        }
        return nil
    }

    /// `_input`, or (raw + offset) · scale; in thousandths of the unit if the driver follows the ABI.
    private func channel(_ device: String, _ prefix: String) throws -> (value: Double, text: String)? {
        if let input = try attribute("\(device)/\(prefix)_input") { return input }
        guard let raw = try attribute("\(device)/\(prefix)_raw") else { return nil }
        let offset = try attribute("\(device)/\(prefix)_offset")?.value ?? 0
        let scale = try attribute("\(device)/\(prefix)_scale")?.value ?? 1
        return ((raw.value + offset) * scale, ".")
    }

    /// - Returns: `nil` if the file does not exist.
    private func attribute(_ path: String) throws -> (value: Double, text: String)? {
        let text: String
        do { text = try Files.readTrimmed(path, limit: 256) } catch {
            guard error.isMissing else { throw SensorError.reading(error) }
            return nil
        }
        guard let value = NumberText.decimal(text) else {
            throw SensorError("\(path) contains «\(PrintableText.line(text, limit: 60))», expected a number")
        }
        return (value, text)
    }
}

extension SensorError {
    /// An error of the kernel when an attribute was read, with the remedy.
    static func reading(_ error: FileError) -> SensorError {
        switch error.code {
        case ENODATA: SensorError("\(error): the sensor may be switched off; if the folder has a humidity1_enable, write 1 into it")
        case EIO, ETIMEDOUT, EAGAIN, EBUSY: SensorError("\(error): the chip did not answer the driver", isTransient: true)
        case EACCES, EPERM: SensorError("\(error): allow the user of vaho-edge to read the file, by a udev rule (chmod a+r)")
        default: SensorError("\(error)")
        }
    }
}
