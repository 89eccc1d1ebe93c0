package enum RunOutcome: String, Sendable, CaseIterable {
    case promoted  // the candidate is the champion now
    case rolling_out  // the candidate has begun its way to the devices
    case champion_kept  // the candidate failed its verdict, or the verdict is inconclusive
    case unsigned  // the candidate has passed its verdict; it is to be signed on another machine
    case unchanged  // nothing has changed since an earlier run
    case too_little_data
    case failed
    case cancelled
}
