internal import Measures

/// Notices two hosts that send as one device: two epochs whose newest reading gets newer in turns.
///
/// A device that gets a new epoch (a copied card, a rebuilt store) goes over to it once; its old epoch may still deliver a backlog,
/// but nothing newer than the new epoch has. An epoch that leads, is overtaken, and then leads again belongs to a second host. A
/// value: it depends on nothing but the batches it was told of.
struct EpochTurns: Sendable {
    /// Returns within a day that raise the alarm: a single one may be a clock that was set.
    static let returns = 2
    private static let memory: Duration = .seconds(86_400)
    private static let rememberedEpochs = 8

    private var leader: (epoch: Epoch, newest: Instant)?
    private var former: [Epoch] = []  // that have led, the latest last
    private var returnedAt: [Instant] = []

    /// - Parameter newest: the newest reading among rows of the epoch that were stored now.
    /// - Returns: whether two hosts send as this device.
    mutating func grew(_ epoch: Epoch, newest: Instant, at now: Instant) -> Bool {
        guard let leader else {
            self.leader = (epoch, newest)
            return false
        }
        guard epoch != leader.epoch else {
            self.leader = (epoch, max(newest, leader.newest))
            return false
        }
        guard newest > leader.newest else { return false }
        let isReturn = former.contains(epoch)
        former.removeAll { $0 == epoch }
        former = former.suffix(EpochTurns.rememberedEpochs - 1) + [leader.epoch]
        self.leader = (epoch, newest)
        guard isReturn else { return false }
        returnedAt = returnedAt.filter { $0 > now - EpochTurns.memory }.suffix(EpochTurns.returns) + [now]
        return returnedAt.count >= EpochTurns.returns
    }
}
