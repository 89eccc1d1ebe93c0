internal import Wire

/// Which release each device gets: a pure function of the emergency stop, the pins, the rollout and the champion.
struct ReleaseAssignment: Sendable {
    struct OfferedRollout: Sendable {
        let id: Int64
        let tags: Set<String>
        let through: Int64
        let release: ReleaseReference
    }

    struct Device: Sendable {
        let id: Int64
        var ownPin: ReleaseReference?
        var tagPin: ReleaseReference?  // if several tags of the device have a pin, the pin of the first tag by name
        var tags: Set<String> = []  // needed only if the rollout has tags
    }

    var isStopped = false
    var champion: ReleaseReference?
    var rollout: OfferedRollout?

    /// The first that exists of: the device's own pin; the release of a rollout to its tags, if it has reached the device; the pin of a tag; the release of a
    /// rollout to all devices, if it has reached the device; the champion.
    /// - Returns: `nil` during an emergency stop, and without a release.
    func release(for device: Device) -> ReleaseReference? {
        if isStopped { return nil }
        if let own = device.ownPin { return own }
        guard let rollout, RolloutPlace.of(device.id, in: rollout.id) <= rollout.through else { return device.tagPin ?? champion }
        if rollout.tags.isEmpty { return device.tagPin ?? rollout.release }
        return rollout.tags.isDisjoint(with: device.tags) ? device.tagPin ?? champion : rollout.release
    }
}
