internal import Synchronization

/// The release in use, shared by all forecasters.
package final class ActiveRelease: Sendable {
    private let state = Mutex<NamedRelease?>(nil)
    package init() {}
    package var current: NamedRelease? { state.withLock { $0 } }
    var model: ForecastModel { current.map(ForecastModel.init) ?? ForecastModel() }
    func replace(with named: NamedRelease?) { state.withLock { $0 = named } }
}
