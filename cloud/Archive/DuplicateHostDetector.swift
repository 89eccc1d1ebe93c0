internal import Measures

/// Detects two hosts that send as one device: two epochs get newer readings in turns.
///
/// A device that gets a new epoch (a copied card, a rebuilt store) switches to the new epoch once. The old epoch may still deliver a backlog, but no
/// reading newer than the new epoch's readings. An epoch that leads, is overtaken and then leads again belongs to a second host. An epoch that stays
/// behind the leader, but gets new readings in turns with the leader, also belongs to a second host: this host sends a little later. The result
/// depends only on the batches that were passed in.
struct DuplicateHostDetector: Sendable {
    /// The number of returns within a day that raises the alarm: a single return may be caused by a clock that was set.
    static let returns = 2
    private static let memory: Duration = .seconds(86_400)
    private static let rememberedEpochs = 8

    private var leader: (epoch: Epoch, since: Instant, newest: Instant)?  // since: time of its newest reading when it became the leader
    private var follower: (epoch: Epoch, newest: Instant)?  // an epoch behind the leader, with readings from the leader's time
    private var hasLeaderGrown = false  // the leader got a newer reading after the follower last grew
    private var former: [Epoch] = []  // epochs that have led before, the latest last
    private var returnedAt: [Instant] = []  // times of the recent signs of a second host

    /// Records new rows of an epoch.
    /// - Parameter newest: the time of the newest reading in the rows of this epoch that were just stored.
    /// - Returns: whether two hosts send as this device.
    mutating func recordGrowth(_ epoch: Epoch, newest: Instant, at now: Instant) -> Bool {
        guard let leader else {
            self.leader = (epoch, newest, newest)
            return false
        }
        guard epoch != leader.epoch else {
            hasLeaderGrown = hasLeaderGrown || newest > leader.newest
            self.leader?.newest = max(newest, leader.newest)
            return false
        }
        guard newest > leader.newest else { return recordFollower(epoch, newest, leader.since) && recordReturn(at: now) }
        let isReturn = former.contains(epoch)
        former.removeAll { $0 == epoch }
        former = former.suffix(DuplicateHostDetector.rememberedEpochs - 1) + [leader.epoch]
        self.leader = (epoch, newest, newest)
        follower = nil
        return isReturn && recordReturn(at: now)
    }

    /// Whether an epoch behind the leader has grown again after the leader has grown.
    private mutating func recordFollower(_ epoch: Epoch, _ newest: Instant, _ since: Instant) -> Bool {
        guard newest > since, newest > follower?.newest ?? Instant(ms: .min) || epoch != follower?.epoch else { return false }
        let isInTurn = hasLeaderGrown && epoch == follower?.epoch
        (follower, hasLeaderGrown) = ((epoch, newest), false)
        return isInTurn
    }

    /// Records one sign of a second host.
    /// - Returns: whether the signs within a day reach the limit.
    private mutating func recordReturn(at now: Instant) -> Bool {
        returnedAt = returnedAt.filter { $0 > now - DuplicateHostDetector.memory }.suffix(DuplicateHostDetector.returns) + [now]
        return returnedAt.count >= DuplicateHostDetector.returns
    }
}
