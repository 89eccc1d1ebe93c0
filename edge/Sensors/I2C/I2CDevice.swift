internal import CLinux
internal import Glibc
internal import Runtime
internal import Text

/// One chip on one bus, accessed through the kernel's /dev/i2c-N. Never writes to another address.
///
/// Adapters that support only SMBus (and the kernel's own i2c-stub) work for chips that are read by register.
final class I2CDevice {
    private let descriptor: Int32
    private let bus: Int
    private let address: UInt8
    private let supportsI2C: Bool  // the adapter supports I2C, not only SMBus

    private static let i2cFunctionality: UInt = 0x1  // I2C_FUNC_I2C

    /// - Throws: `SensorError`, whose description names the remedy.
    init(bus: Int, address: UInt8) throws(SensorError) {
        let path = "/dev/i2c-\(bus)"
        self.bus = bus
        self.address = address
        descriptor = unsafe open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw I2CDevice.openError(path, errno) }
        var functions: UInt = 0
        guard unsafe clinux_i2c_functions(descriptor, &functions) >= 0 else {
            let code = errno
            close(descriptor)
            throw SensorError("\(path): \(I2CDevice.errorText(code)): this is not an I2C bus")
        }
        supportsI2C = functions & I2CDevice.i2cFunctionality != 0
        // Fails if a kernel driver has the chip: two users of one chip would disturb each other.
        guard clinux_i2c_select(descriptor, UInt(address)) >= 0 else {
            let code = errno
            close(descriptor)
            throw transferError(code)
        }
    }

    deinit { close(descriptor) }

    func write(_ bytes: [UInt8]) throws(SensorError) {
        guard supportsI2C else {
            guard bytes.count == 2 else { throw smbusOnlyError() }
            guard clinux_smbus_write(descriptor, bytes[0], bytes[1]) >= 0 else { throw transferError(errno) }
            return
        }
        guard unsafe clinux_i2c_transfer(descriptor, UInt16(address), bytes, UInt16(bytes.count), nil, 0) == 1 else { throw transferError(errno) }
    }

    func read(_ count: Int) throws(SensorError) -> [UInt8] {
        guard supportsI2C else { throw smbusOnlyError() }
        var bytes = [UInt8](repeating: 0, count: count)
        guard unsafe clinux_i2c_transfer(descriptor, UInt16(address), nil, 0, &bytes, UInt16(count)) == 1 else { throw transferError(errno) }
        return bytes
    }

    /// - Parameter count: at most 32.
    func read(register: UInt8, _ count: Int) throws(SensorError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        if supportsI2C {
            guard unsafe clinux_i2c_transfer(descriptor, UInt16(address), [register], 1, &bytes, UInt16(count)) == 2 else {
                throw transferError(errno)
            }
        } else {
            let got = unsafe clinux_smbus_read(descriptor, register, &bytes, UInt8(count))
            let code = errno
            guard got == count else {
                throw got < 0 ? transferError(code) : SensorError("\(self.name) returned \(got) of \(count) bytes", isTransient: true)
            }
        }
        return bytes
    }

    /// Polls until the chip is ready, at most `tries` times.
    func wait(tries: Int, milliseconds: Int, while isBusy: (I2CDevice) throws(SensorError) -> Bool) throws(SensorError) {
        for _ in 0..<tries {
            guard try isBusy(self) else { return }
            pause(milliseconds: milliseconds)
        }
    }

    /// Waits for a conversion. Blocks only the sensor's own thread.
    func pause(milliseconds: Int) { usleep(UInt32(milliseconds) * 1_000) }

    private var name: String { "/dev/i2c-\(bus) at \(Hexadecimal.prefixed(address))" }

    private func smbusOnlyError() -> SensorError {
        SensorError("\(name): this adapter does SMBus only, and the chip needs plain I2C: use its kernel driver, or another bus")
    }

    private func transferError(_ code: Int32) -> SensorError {
        switch code {
        case ENXIO, EREMOTEIO, ENODEV:
            SensorError("\(name): no chip answers (\(I2CDevice.errorText(code))): is it wired, powered, and at this address?", isTransient: true)
        case EBUSY: SensorError("\(name): a kernel driver uses the chip: read the chip as hwmon:NAME or iio:NAME (vaho-edge sensors lists them)")
        case ETIMEDOUT, EAGAIN, EIO: SensorError("\(name): the bus failed (\(I2CDevice.errorText(code)))", isTransient: true)
        default: SensorError("\(name): \(I2CDevice.errorText(code))")
        }
    }

    private static func openError(_ path: String, _ code: Int32) -> SensorError {
        switch code {
        case ENOENT:
            SensorError("\(path): there is no such bus: load i2c-dev (modprobe i2c-dev), and switch the bus on (Raspberry Pi: dtparam=i2c_arm=on)")
        case EACCES, EPERM: SensorError("\(path): permission denied: put the user of vaho-edge into the group i2c (usermod -aG i2c USER)")
        default: SensorError("\(path): \(errorText(code))")
        }
    }

    private static func errorText(_ code: Int32) -> String { unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)" }
}
