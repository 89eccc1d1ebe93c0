import Bytes
import Forecasting
import Measures
import Releases
import Wire

/// The entry point of libFuzzer: the first byte chooses a decoder, the rest is its input. A decoder may refuse its input but must not crash, and an
/// accepted value must be the same after encoding and decoding.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    guard let start, count > 0 else { return 0 }
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    let body = Array(bytes.dropFirst())
    switch bytes[0] % 5 {
    case 0: batch(sealed(body))
    case 1:
        if let answer = try? BatchAcknowledgement(binary: sealed(body)) {
            precondition((try? BatchAcknowledgement(binary: answer.binary())) == answer, "an answer changed")
        }
    case 2:
        if let enrolment = try? Enrolment(binary: sealed(body)) { precondition((try? Enrolment(binary: enrolment.binary())) == enrolment) }
    case 3:
        if let record = try? RecordCoding.record(body) { precondition((try? RecordCoding.record(RecordCoding.bytes(record))) == record) }
        _ = try? ReportCoding.report(body[...])
    default:
        // The hash always matches, so that the decoder also reads the content after the hash.
        let trusting = Cryptography(sha256: { _ in [UInt8](repeating: 0, count: 32) }, isSigned: { _, _, _ in true })
        _ = try? ReleaseVerification.open(body, ReleaseVerification.Requirements(lastAcceptedCounter: nil), trusting)
        _ = try? ReleaseVerification.open(bytes, ReleaseVerification.Requirements(lastAcceptedCounter: nil), trusting)
    }
    return 0
}

private func batch(_ bytes: [UInt8]) {
    guard let frame = try? BatchFrame(bytes) else { return }
    _ = try? frame.forEachReading { _, _ in }
    guard let batch = try? Batch(binary: bytes) else { return }
    precondition((try? Batch(binary: batch.binary())) == batch, "a batch changed")
    precondition((try? Batch(binary: frame.withoutReport()))?.rows == batch.rows || batch.rows.isEmpty, "a batch without its report changed")
}

/// Appends a valid checksum, because the fuzzer would hardly guess one.
private func sealed(_ body: [UInt8]) -> [UInt8] {
    let checksum = CRC32C.checksum(body)
    return body + (0..<4).map { UInt8(truncatingIfNeeded: checksum >> (8 * $0)) }
}
