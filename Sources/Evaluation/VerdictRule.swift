/// The limits of a verdict.
package struct VerdictRule: Sendable, Hashable {
    package var improvement = 0.005  // the least decrease of the weighted pinball loss
    package var leadTimeLimit = 0.01  // the largest increase of the pinball loss at one lead time
    package var stratumLimit = 0.03  // the largest increase of the weighted pinball loss in one stratum
    package var coverage = 0.72...0.9  // of the 80 % interval, at each lead time; outside, the candidate must be nearer to 80 % than the champion
    package var minimumBlocks = 5  // calendar blocks with targets; with fewer blocks there is no evidence
    package var minimumTargets = 100  // of a guard; a guard with fewer targets is not judged
    package init() {}
}
