/// Constants and limits of batches, in binary and in JSON.
package enum BatchFormat {
    static let magic = Array("VAHB".utf8)
    package static let version = 1
    package static let mediaType = "application/vnd.vaho.batch"
    package static let rowLimit = 10_000
    package static let byteLimit = 1 << 20  // of a body, in binary or JSON form
    package static let sensorLimit = 256
}
