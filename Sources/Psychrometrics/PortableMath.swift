/// Exponential and logarithm computed only with + − × ÷. The result is the same, bit for bit, on every machine of one architecture; glibc's
/// functions use different variants for different processors.
package enum PortableMath {
    private static let ln2 = 0.693_147_180_559_945_3

    /// Relative error below 1e-13 for |x| up to 700; 0 for smaller x, infinity for larger x.
    package static func exp(_ x: Double) -> Double {
        guard x == x else { return x }
        guard x < 700 else { return .infinity }
        guard x > -700 else { return 0 }
        let k = (x / ln2).rounded(.toNearestOrEven)
        let r = x - k * ln2  // |r| at most 0.35
        var term = 1.0
        var sum = 1.0
        for i in 1...16 {
            term = term * r / Double(i)
            sum += term
        }
        return Double(sign: .plus, exponent: Int(k), significand: 1) * sum
    }

    /// Natural logarithm; absolute error below 1e-13. NaN if x is not above 0.
    package static func log(_ x: Double) -> Double {
        guard x > 0 else { return .nan }
        guard x < .infinity else { return .infinity }
        var m = x.significand  // 1 to 2
        var k = Double(x.exponent)
        if m > 1.414_213_562_373_095_1 {
            m /= 2
            k += 1
        }
        let s = (m - 1) / (m + 1)  // log m = 2 artanh s, |s| at most 0.172
        let square = s * s
        var power = s
        var sum = 0.0
        for i in 0..<12 {
            sum += power / Double(2 * i + 1)
            power *= square
        }
        return k * ln2 + 2 * sum
    }
}
