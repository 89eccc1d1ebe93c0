/// The inputs of an issued forecast, kept until its target is observed.
struct PendingForecast: Sendable {
    static let ownInputs = 8

    private var bin = Int32.min
    var now: Float = 0
    var deviation: Float = 1
    var network: Float = 0  // the network's departure from now, in deviations
    var corrected: Float = 0
    var final: Float = 0  // the departure after the gate
    var usualChange: Float = 0
    var climatology: Float = 0  // climatology's departure
    var own = SIMD8<Float>()  // the ridge's inputs that are specific to this lead time
    var distances = SIMD8<Float>()
    /// The origin's bin number since 1970. `Int32` has room for millennia, at 10 minutes or an hour per bin.
    var origin: Int {
        get { Int(bin) }
        set { bin = Int32(clamping: newValue) }
    }
}
