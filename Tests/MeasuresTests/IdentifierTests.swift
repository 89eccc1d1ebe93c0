import Measures
import Testing

@Suite struct IdentifierTests {
    @Test(arguments: ["church", "a", "0-1.b_c", String(repeating: "a", count: 64)])
    func `a device name is safe in a path`(name: String) { #expect(DeviceID(name)?.name == name) }

    @Test(arguments: ["", "Church", "a/b", "..", ".a", "a b", "ä", String(repeating: "a", count: 65)])
    func `a name that is unsafe in a path is refused`(name: String) { #expect(DeviceID(name) == nil) }

    @Test func `a sensor name has no dot and at most 32 bytes`() {
        #expect(SensorName("north_wall-2") != nil)
        #expect(SensorName("a.b") == nil)
        #expect(SensorName(String(repeating: "a", count: 33)) == nil)
    }

    @Test(arguments: [UInt64(0), 1, 0x9cd7_120c_994c_f08d, .max])
    func `an epoch round-trips through 16 hexadecimal digits`(bits: UInt64) {
        let text = Epoch(bits: bits).description
        #expect(text.utf8.count == 16)
        #expect(Epoch(hex: text)?.bits == bits)
    }

    @Test(arguments: ["", "1", "+000000000000001", "zzzzzzzzzzzzzzzz", "00000000000000000"])
    func `other text is not an epoch`(text: String) { #expect(Epoch(hex: text) == nil) }

    @Test func `a value is stored in thousandths, rounded half away from zero, or refused`() {
        #expect(Milli.rounded(45.1234) == 45_123)
        #expect(Milli.rounded(-0.0005) == -1)
        #expect(Milli.rounded(250) == 250_000)
        for value in [Double.nan, .infinity, 3e6, -3e6] { #expect(Milli.rounded(value) == nil) }
    }
}
