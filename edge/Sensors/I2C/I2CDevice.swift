internal import CLinux
internal import Glibc
internal import Runtime

/// One chip on one bus, accessed through the kernel's /dev/i2c-N. Never writes to another address.
///
/// Adapters that support only SMBus (and the kernel's own i2c-stub) work for chips that are read by register.
final class I2CDevice {
    private let descriptor: Int32
    private let bus: Int
    private let address: UInt8
    private let isPlain: Bool  // the adapter supports I2C, not only SMBus

    private static let plainI2C: UInt = 0x1  // I2C_FUNC_I2C

    /// - Throws: `SensorError`, whose description names the remedy.
    init(bus: Int, address: UInt8) throws(SensorError) {
        let path = "/dev/i2c-\(bus)"
        self.bus = bus
        self.address = address
        descriptor = unsafe open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw I2CDevice.opening(path, errno) }
        var functions: UInt = 0
        guard unsafe clinux_i2c_functions(descriptor, &functions) >= 0 else {
            let code = errno
            close(descriptor)
            throw SensorError("\(path): \(I2CDevice.words(code)): this is not an I2C bus")
        }
        isPlain = functions & I2CDevice.plainI2C != 0
        // Fails if a kernel driver has the chip: two users of one chip would disturb each other.
        guard clinux_i2c_select(descriptor, UInt(address)) >= 0 else {
            let code = errno
            close(descriptor)
            throw failure(code)
        }
    }

    deinit { close(descriptor) }

    func write(_ bytes: [UInt8]) throws(SensorError) {
        guard isPlain else {
            guard bytes.count == 2 else { throw smbusOnly() }
            guard clinux_smbus_write(descriptor, bytes[0], bytes[1]) >= 0 else { throw failure(errno) }
            return
        }
        guard unsafe clinux_i2c_transfer(descriptor, UInt16(address), bytes, UInt16(bytes.count), nil, 0) == 1 else { throw failure(errno) }
    }

    func read(_ count: Int) throws(SensorError) -> [UInt8] {
        guard isPlain else { throw smbusOnly() }
        var bytes = [UInt8](repeating: 0, count: count)
        guard unsafe clinux_i2c_transfer(descriptor, UInt16(address), nil, 0, &bytes, UInt16(count)) == 1 else { throw failure(errno) }
        return bytes
    }

    /// - Parameter count: at most 32.
    func read(register: UInt8, _ count: Int) throws(SensorError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        if isPlain {
            guard unsafe clinux_i2c_transfer(descriptor, UInt16(address), [register], 1, &bytes, UInt16(count)) == 2 else { throw failure(errno) }
        } else {
            let got = unsafe clinux_smbus_read(descriptor, register, &bytes, UInt8(count))
            let code = errno
            guard got == count else { throw got < 0 ? failure(code) : SensorError("\(self.name) gave \(got) bytes of \(count)", isPassing: true) }
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

    private var name: String { "/dev/i2c-\(bus) at \(I2CAddress.text(address))" }

    private func smbusOnly() -> SensorError {
        SensorError("\(name): this adapter does SMBus only, and the chip needs plain I2C: use its kernel driver, or another bus")
    }

    private func failure(_ code: Int32) -> SensorError {
        switch code {
        case ENXIO, EREMOTEIO, ENODEV:
            SensorError("\(name): no chip answers (\(I2CDevice.words(code))): is it wired, powered, and at this address?", isPassing: true)
        case EBUSY: SensorError("\(name): a kernel driver uses the chip: read the chip as hwmon:NAME or iio:NAME (vaho-edge sensors lists them)")
        case ETIMEDOUT, EAGAIN, EIO: SensorError("\(name): the bus failed (\(I2CDevice.words(code)))", isPassing: true)
        default: SensorError("\(name): \(I2CDevice.words(code))")
        }
    }

    private static func opening(_ path: String, _ code: Int32) -> SensorError {
        switch code {
        case ENOENT:
            SensorError("\(path): there is no such bus: load i2c-dev (modprobe i2c-dev), and switch the bus on (Raspberry Pi: dtparam=i2c_arm=on)")
        case EACCES, EPERM: SensorError("\(path): permission denied: put the user of vaho-edge into the group i2c (usermod -aG i2c USER)")
        default: SensorError("\(path): \(words(code))")
        }
    }

    private static func words(_ code: Int32) -> String { unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)" }
}
