internal import Measures
internal import Runtime

/// Takes in the calibrations that are added to the notes, at the start and as they come. A new name waits for the next start: it is one
/// of the configuration's.
struct SensorNotesWatch: Service {
    let folder: String
    let renames: [SensorRename]  // that have been taken
    let known: Instant  // up to which the log has what was said; long ago where the notes could not be read
    let inbox: Inbox<ReadingFlow.Input>
    let log: Log

    func run() async throws {
        var through = known
        var text: [UInt8]?
        var count: Int?
        var told: String?
        while true {
            do {
                let now = try SensorNotes.text(in: folder)
                if now != text {
                    text = now
                    let notes = SensorNotes(text: now, path: "\(folder)/sensor-notes", names: [], taken: renames)
                    if notes.problem != told, let problem = notes.problem { log(.error, "sensor note passed over", ["error": problem]) }
                    told = notes.problem
                    for calibration in notes.calibrations where calibration.saidAt > through {
                        while !inbox.put(.row(.record(.calibration(calibration)))) { try await Task.sleep(for: .milliseconds(20)) }
                        through = calibration.saidAt
                    }
                    let all = notes.renames.count + notes.strays.count
                    if let count, all > count { log(.info, "sensor has a new name: with the next start") }
                    count = all
                }
            } catch let error as FileError {
                if told == nil { log(.error, "sensor notes cannot be read", ["error": "\(error)"]) }
                told = "\(error)"
            }
            try await Task.sleep(for: .seconds(2))
        }
    }
}
