internal import Runtime

/// The queues in which requests wait, so that one client cannot block other clients.
final class RequestQueues: Sendable {
    /// At most one request per device is in progress, so that a device with many connections has no advantage over other devices.
    let devices = FairQueue<Int64>(lanes: 1_024, perKey: 64, limit: 4_096)
    let decoding = FairQueue<Int64>(lanes: 2, perKey: 64, limit: 4_096)
    let decodingThreads = [ComputingThread(label: "decoding-1"), ComputingThread(label: "decoding-2")]
    // The keys of the two queues below are the addresses of clients.
    let reads = FairQueue<String>(lanes: 1, perKey: 256, limit: 1_024)
    let passwords = FairQueue<String>(lanes: 1, perKey: 4, limit: 64)  // one at a time: each needs 32 MB
    let passwordThread = ComputingThread(label: "passwords")
    let forecasts = FairQueue<String>(lanes: 1, perKey: 16, limit: 64)
}
