/// Claims on exclusive work: see `ExclusiveWork`. A claim lasts until the claim is released, or until the program ends.
extension Archive {
    /// - Returns: whether this archive has the claim now; false if another program or another archive of this program has it.
    package func claim(_ work: ExclusiveWork, isShared: Bool = false) throws -> Bool {
        if let claim = claims[work] {
            if claim.isHeld() { return false }
            claims[work] = nil
        }
        guard let claim = try database.claim(work, isShared: isShared) else { return false }
        claims[work] = claim
        return true
    }

    /// Whether this archive still has the claim.
    package func holds(_ work: ExclusiveWork) -> Bool { claims[work]?.isHeld() ?? false }

    /// Claims the right of a server to store batches again, if the claim was lost.
    /// - Returns: `false` if another program excludes servers now.
    package func keepServing() throws -> Bool { try holds(.serving) || claim(.serving, isShared: true) }

    package func endClaim(_ work: ExclusiveWork) { claims[work] = nil }
}
