/// Errors of forecasts with observed targets, for one release at one lead time, over all sensors of the device; in milli-percent.
package struct LiveScore: Sendable, Hashable {
    package var releaseCounter: UInt64  // 0: no release
    package var leadTimeSeconds: Int64
    package var count: Int64
    package var absoluteErrorMpct: Int64  // this and the following errors are means
    package var persistenceErrorMpct: Int64
    package var climatologyErrorMpct: Int64
    package var coveredPpm: Int64  // share of targets within the 80 % interval

    package init(
        releaseCounter: UInt64, leadTimeSeconds: Int64, count: Int64, absoluteErrorMpct: Int64, persistenceErrorMpct: Int64,
        climatologyErrorMpct: Int64, coveredPpm: Int64
    ) {
        self.releaseCounter = releaseCounter
        self.leadTimeSeconds = leadTimeSeconds
        self.count = count
        self.absoluteErrorMpct = absoluteErrorMpct
        self.persistenceErrorMpct = persistenceErrorMpct
        self.climatologyErrorMpct = climatologyErrorMpct
        self.coveredPpm = coveredPpm
    }
}
