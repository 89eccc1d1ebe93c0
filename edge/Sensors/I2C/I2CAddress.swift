internal import Text

/// A chip and its place on a bus: `i2c:CHIP@BUS:ADDRESS`, such as `i2c:sht4x@1:0x44`.
package struct I2CAddress: Sendable, Equatable, CustomStringConvertible {
    package let chip: I2CChip
    package let bus: Int
    package let address: UInt8

    package init(chip: I2CChip, bus: Int, address: UInt8) {
        self.chip = chip
        self.bus = bus
        self.address = address
    }

    /// - Parameter text: the part after `i2c:`; the address is optional if the chip has only one.
    /// - Throws: `SensorError`, whose description names the expected form.
    package init(_ text: String) throws(SensorError) {
        let shape = "expected i2c:CHIP@BUS:ADDRESS, such as i2c:sht4x@1:0x44"
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw SensorError(shape) }
        guard let chip = I2CChip(rawValue: String(parts[0])) else {
            throw SensorError("«\(parts[0])» is not a chip: \(I2CChip.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        let place = parts[1].split(separator: ":", omittingEmptySubsequences: false)
        guard (1...2).contains(place.count), let bus = UInt8(place[0]) else { throw SensorError(shape) }
        let known = chip.addresses.map(Hexadecimal.prefixed).joined(separator: " or ")
        let address: UInt8
        if place.count == 2 {
            let digits = place[1]
            guard digits.hasPrefix("0x"), let number = UInt8(digits.dropFirst(2), radix: 16) else {
                throw SensorError("«\(digits)» is not an address: \(chip.rawValue) has \(known)")
            }
            guard chip.addresses.contains(number) else { throw SensorError("\(chip.rawValue) is never at \(digits): it has \(known)") }
            address = number
        } else {
            guard chip.addresses.count == 1 else { throw SensorError("\(chip.rawValue) has the address \(known): add the address after the bus") }
            address = chip.addresses[0]
        }
        self.init(chip: chip, bus: Int(bus), address: address)
    }

    package var description: String { "\(chip.rawValue)@\(bus):\(Hexadecimal.prefixed(address))" }
}
