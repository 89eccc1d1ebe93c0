internal import Measures

/// Notices two hosts that send as one device: two epochs whose newest reading gets newer in turns.
///
/// A device that gets a new epoch (a copied card, a rebuilt store) goes over to it once; its old epoch may still deliver a backlog,
/// but nothing newer than the new epoch has. An epoch that leads, is overtaken, and then leads again belongs to a second host. So does
/// an epoch that stays behind the leader but keeps getting new readings, alternating with the leader: its host sends a little later. A value:
/// it depends on nothing but the batches that it was given.
struct EpochTurns: Sendable {
    /// Returns within a day that raise the alarm: a single one may be a clock that was set.
    static let returns = 2
    private static let memory: Duration = .seconds(86_400)
    private static let rememberedEpochs = 8

    private var leader: (epoch: Epoch, since: Instant, newest: Instant)?  // since: its newest reading when it took the lead
    private var follower: (epoch: Epoch, newest: Instant)?  // has readings of the leader's time
    private var hasLeaderGrown = false  // the leader has a newer reading since the follower last grew
    private var former: [Epoch] = []  // that have led, the latest last
    private var returnedAt: [Instant] = []

    /// - Parameter newest: the newest reading among rows of the epoch that were stored now.
    /// - Returns: whether two hosts send as this device.
    mutating func grew(_ epoch: Epoch, newest: Instant, at now: Instant) -> Bool {
        guard let leader else {
            self.leader = (epoch, newest, newest)
            return false
        }
        guard epoch != leader.epoch else {
            hasLeaderGrown = hasLeaderGrown || newest > leader.newest
            self.leader?.newest = max(newest, leader.newest)
            return false
        }
        guard newest > leader.newest else { return follows(epoch, newest, leader.since) && recordReturn(at: now) }
        let isReturn = former.contains(epoch)
        former.removeAll { $0 == epoch }
        former = former.suffix(EpochTurns.rememberedEpochs - 1) + [leader.epoch]
        self.leader = (epoch, newest, newest)
        follower = nil
        return isReturn && recordReturn(at: now)
    }

    /// Whether an epoch behind the leader has grown in its turn.
    private mutating func follows(_ epoch: Epoch, _ newest: Instant, _ since: Instant) -> Bool {
        guard newest > since, newest > follower?.newest ?? Instant(ms: .min) || epoch != follower?.epoch else { return false }
        let isInTurn = hasLeaderGrown && epoch == follower?.epoch
        (follower, hasLeaderGrown) = ((epoch, newest), false)
        return isInTurn
    }

    /// Records one sign of a second host.
    /// - Returns: whether the signs within a day reach the limit.
    private mutating func recordReturn(at now: Instant) -> Bool {
        returnedAt = returnedAt.filter { $0 > now - EpochTurns.memory }.suffix(EpochTurns.returns) + [now]
        return returnedAt.count >= EpochTurns.returns
    }
}
