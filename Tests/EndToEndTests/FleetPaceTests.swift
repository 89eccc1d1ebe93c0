import EdgeStore
import Measures
import Testing
import Wire

@testable import API
@testable import EdgeDaemon

/// Ten thousand devices and one server, all simulated as values: hours pass in a second.
@Suite struct FleetPaceTests {
    private struct Event: Comparable {
        let atMs: Int64
        let device: Int
        static func < (a: Event, b: Event) -> Bool { (a.atMs, a.device) < (b.atMs, b.device) }
    }

    /// A heap with the earliest event first.
    private struct Events {
        private var heap: [Event] = []
        var isEmpty: Bool { heap.isEmpty }
        mutating func put(_ event: Event) {
            heap.append(event)
            var index = heap.count - 1
            while index > 0, heap[index] < heap[(index - 1) / 2] {
                heap.swapAt(index, (index - 1) / 2)
                index = (index - 1) / 2
            }
        }
        mutating func take() -> Event {
            let first = heap[0]
            let last = heap.removeLast()
            guard !heap.isEmpty else { return first }
            heap[0] = last
            var index = 0
            while true {
                let children = [2 * index + 1, 2 * index + 2].filter { $0 < heap.count }
                guard let least = children.min(by: { heap[$0] < heap[$1] }), heap[least] < heap[index] else { return first }
                heap.swapAt(index, least)
                index = least
            }
        }
    }

    /// - Returns: the requests in each 10 s from the server's return until all backlogs are delivered.
    private func requests(devices: Int, outageSeconds: Int64, costMs: Double) -> [Int] {
        var random = SystemRandom(state: 11)
        var pace = BacklogPacing()
        var events = Events()
        let period: Int64 = 300_000
        // Only two hours of the outage are simulated: then every device waits the longest pause, and more time only adds backlog.
        let backMs = min(outageSeconds, 7_200) * 1_000
        let older = (outageSeconds * 1_000 - backMs) / 10_000
        var plans = (0..<devices).map { _ in UplinkPlan(period: .milliseconds(period), phase: .milliseconds(Int64(random.next() * Double(period)))) }
        var lives = (0..<devices).map { Life(number: 1, epoch: Epoch(bits: UInt64($0 + 1)), last: 1) }
        var counts: [Int] = []
        var undelivered = devices
        for device in 0..<devices { events.put(Event(atMs: 0, device: device)) }
        while undelivered > 0, !events.isEmpty {
            let event = events.take()
            let device = event.device
            lives[device].last = 1 + older + event.atMs / 10_000  // a reading every 10 s
            switch plans[device].next(lives: [lives[device]]) {
            case .wait(let pause): events.put(Event(atMs: event.atMs + pause.ms, device: device))
            case .send(_, let first, let last, let limit):
                guard event.atMs >= backMs else {
                    plans[device].failed(retryAfter: nil, randomFraction: random.next())
                    events.put(event)
                    continue
                }
                let slot = Int((event.atMs - backMs) / 10_000)
                while counts.count <= slot { counts.append(0) }
                counts[slot] += 1
                let through = min(last, first + Int64(limit) - 1)
                lives[device].held.insert(first...through)
                let now = Instant(ms: event.atMs)
                let backlog = lives[device].backlog
                pace.recordArrival(from: Int64(device), hasBacklog: backlog > 0, at: now)
                pace.recordStored(1, took: .microseconds(Int64(costMs * 1_000)))
                plans[device].settled(pace.next, backlog: backlog)
                if backlog == 0, first == 1 || lives[device].held.ranges == [1...lives[device].last] {
                    undelivered -= lives[device].undeliverable.ranges.isEmpty ? 1 : 0
                }
                if backlog == 0 { lives[device].undeliverable.insert((1 << 50)...(1 << 50)) }  // marks the device as counted
                events.put(Event(atMs: event.atMs + 1, device: device))
            case .verify, .report:
                plans[device].settled(pace.next, backlog: 0)
                events.put(Event(atMs: event.atMs + 1, device: device))
            }
        }
        return counts
    }

    private struct SystemRandom {
        var state: UInt64
        mutating func next() -> Double {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Double(state >> 11) / Double(1 << 53)
        }
    }

    /// Three weeks make 37 batches a device: a fifth of the fleet at five times the cost gives the server the same load.
    @Test(arguments: [(5, 10_000, 2), (1_800, 10_000, 2), (3 * 7 * 86_400, 2_000, 10)] as [(Int64, Int, Double)])
    func `ten thousand devices that return after an outage are spread out, with a peak below twice the mean`(
        outage: Int64, devices: Int, costMs: Double
    ) {
        let counts = requests(devices: devices, outageSeconds: outage, costMs: costMs)
        // Only the draining phase: from the fleet's return until nine of ten requests have arrived.
        let total = counts.reduce(0, +)
        var sum = 0
        let active = counts.prefix { count in
            sum += count
            return sum * 10 <= total * 9
        }
        let mean = Double(active.reduce(0, +)) / Double(max(1, active.count))
        print("outage \(outage) s: \(total) requests, drained in \(counts.count * 10) s, peak/mean \(Double(active.max() ?? 0) / mean)")
        #expect(Double(active.max() ?? 0) < 2 * mean)
    }
}
