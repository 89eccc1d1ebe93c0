package import Measures

/// Why the store cannot execute a request. If a user can fix the problem, the text names the remedy.
package enum StoreFault: Error, Equatable, CustomStringConvertible {
    case noStore(path: String)
    case otherSchema(path: String)
    case memoryOnly(reason: String)
    /// A complete repaired file exists beside the store. The repaired file may be the only copy of some rows, so a new repair must not replace it.
    case repairUnfinished(path: String)
    case damaged
    /// A repair has removed the life.
    case unknownEpoch(Epoch)
    case unknownSensor(SensorName)

    package var description: String {
        switch self {
        case .noStore(let path): "there is no store at \(path): is VAHO_STATE_DIR the folder of the daemon?"
        case .otherSchema(let path): "\(path) is not a store of this version of vaho-edge: start the daemon to migrate it"
        case .memoryOnly(let reason): "the store is kept in memory only: \(reason)"
        case .repairUnfinished(let path): "\(path).repaired is complete and has not replaced the store yet"
        case .damaged: "the store is damaged"
        case .unknownEpoch(let epoch): "epoch \(epoch) is no longer in the store"
        case .unknownSensor(let sensor): "sensor \(sensor) is not registered"
        }
    }
}
