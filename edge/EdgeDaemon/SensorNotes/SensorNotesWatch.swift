internal import EdgeStore
internal import Measures
internal import Runtime

/// Enqueues noted calibrations for the log, at the start and when a note is added. A rename is applied at the next start, because the new
/// name must be in the configuration.
struct SensorNotesWatch: Service {
    let folder: String
    let store: ReadingStore
    let inbox: Inbox<ReadingFlow.Input>
    let log: Log

    func run() async throws {
        var text: [UInt8]?
        var count: Int?
        var logged: String?  // the problem that was logged last
        while true {
            do {
                let now = try SensorNotes.text(in: folder)
                if now != text {
                    text = now
                    let known = await store.corrections
                    let notes = SensorNotes(text: now, path: "\(folder)/sensor-notes", names: [], applied: known.renames)
                    if notes.problem != logged, let problem = notes.problem { log(.error, "sensor note ignored", ["error": problem]) }
                    logged = notes.problem
                    for calibration in notes.calibrations where !known.contains(calibration) {
                        while !inbox.enqueue(.row(.record(.calibration(calibration)))) { try await Task.sleep(for: .milliseconds(20)) }
                    }
                    let all = notes.renames.count + notes.unconfiguredRenames.count
                    if let count, all > count { log(.info, "sensor rename noted, applied at the next start") }
                    count = all
                }
            } catch let error as FileError {
                if logged == nil { log(.error, "sensor notes cannot be read", ["error": "\(error)"]) }
                logged = "\(error)"
            }
            try await Task.sleep(for: .seconds(2))
        }
    }
}
