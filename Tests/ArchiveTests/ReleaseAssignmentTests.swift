@testable import Archive
import Testing
import Wire

@Suite struct ReleaseAssignmentTests {
    private func release(_ counter: UInt64) -> ReleaseReference { ReleaseReference(counter: counter, sha256: []) }

    @Test func `a device's pin comes before a rollout to its tags, then the pin of a tag, then a rollout to all, then the champion`() {
        var device = ReleaseAssignment.Device(id: 7)
        var assignment = ReleaseAssignment()
        #expect(assignment.release(for: device) == nil)
        assignment.champion = release(1)
        #expect(assignment.release(for: device) == release(1))
        assignment.rollout = ReleaseAssignment.OfferedRollout(id: 1, tags: [], through: RolloutPlace.last, release: release(2))
        #expect(assignment.release(for: device) == release(2))
        device.tagPin = release(3)
        device.tags = ["north"]
        #expect(assignment.release(for: device) == release(3), "a rollout to all leaves pinned devices alone")
        assignment.rollout = ReleaseAssignment.OfferedRollout(id: 1, tags: ["south"], through: RolloutPlace.last, release: release(4))
        #expect(assignment.release(for: device) == release(3))
        assignment.rollout = ReleaseAssignment.OfferedRollout(id: 1, tags: ["south", "north"], through: RolloutPlace.last, release: release(4))
        #expect(assignment.release(for: device) == release(4))
        device.ownPin = release(5)
        #expect(assignment.release(for: device) == release(5))
        assignment.isStopped = true
        #expect(assignment.release(for: device) == nil)
    }

    @Test func `a rollout reaches devices in the order of their places, which are even and differ between rollouts`() {
        let places = (1...10_000 as ClosedRange<Int64>).map { RolloutPlace.of($0, in: 3) }
        #expect(places.allSatisfy { (0...RolloutPlace.last).contains($0) } && Set(places).count > 9_990)
        let quarter = places.count { $0 < 1 << 30 }
        #expect((2_300...2_700).contains(quarter), "\(quarter)")
        let first = Set((1...10_000 as ClosedRange<Int64>).filter { RolloutPlace.of($0, in: 3) < 1 << 28 })
        let next = Set((1...10_000 as ClosedRange<Int64>).filter { RolloutPlace.of($0, in: 4) < 1 << 28 })
        #expect(first.intersection(next).count < 80, "a sixteenth of a sixteenth are 39 devices")
        var assignment = ReleaseAssignment()
        assignment.champion = release(1)
        assignment.rollout = ReleaseAssignment.OfferedRollout(id: 3, tags: [], through: 1 << 30, release: release(2))
        for device in 1...100 as ClosedRange<Int64> {
            #expect(
                (assignment.release(for: ReleaseAssignment.Device(id: device)) == release(2)) == (RolloutPlace.of(device, in: 3) <= 1 << 30))
        }
    }

    @Test(arguments: [
        ("5:7,25:3,100:0", 3), ("100:0", 1), ("1:0,2:0,3:0,4:0,5:0,6:0,7:0,8:0,9:0,100:365", 10), ("", nil), ("5:7", nil), ("25:3,5:7,100:0", nil),
        ("5:7,5:7,100:0", nil), ("0:1,100:0", nil), ("5:366,100:0", nil), ("5:-1,100:0", nil), ("5,100", nil), ("101:0", nil),
        ("1:0,2:0,3:0,4:0,5:0,6:0,7:0,8:0,9:0,10:0,100:0", nil),
    ])
    func `steps have increasing percents up to 100`(text: String, count: Int?) {
        #expect(RolloutSteps(text)?.steps.count == count)
        if count != nil { #expect(RolloutSteps(text)?.text == text) }
    }

    @Test(arguments: [(0, 0, 0), (0, 1, 1), (0, 40, 2), (0, 41, 3), (0, 1_000, 50), (1, 10, 3), (2, 7, 7)])
    func `the first step has two devices or five percent`(step: Int, all: Int, expected: Int) {
        #expect(RolloutSteps.standard.devices(in: step, of: all) == expected)
    }
}
