import Testing
import Text

@Suite struct LoopbackAddressTests {
    @Test(arguments: ["localhost", "127.0.0.1", "127.9.8.7", "::1", "[::1]", "::ffff:127.0.0.1", "LOCALHOST"])
    func `a loopback address is recognised`(host: String) { #expect(LoopbackAddress.isLoopback(host)) }

    @Test(arguments: ["", "localhost.example.org", "127.0.0.1.example.org", "127.0.0", "127.0.0.256", "128.0.0.1", "::2", "::ffff:10.0.0.1", "127"])
    func `another address is not a loopback address`(host: String) { #expect(!LoopbackAddress.isLoopback(host)) }
}
