internal import Measures
internal import Runtime

/// Takes in the calibrations that are added to the notes, at the start and as they come. A new name waits for the next start: it is one
/// of the configuration's.
struct SensorNotesWatch: Service {
    let folder: String
    let known: Instant  // up to which the log has what was said
    let inbox: Inbox<Sampler.Arrival>
    let log: Log

    func run() async throws {
        var through = known
        var renames: Int?
        var told: String?
        while true {
            do {
                let notes = try SensorNotes(in: folder)
                if notes.problem != told, let problem = notes.problem { log(.error, "sensor note passed over", ["error": problem]) }
                told = notes.problem
                let new = notes.calibrations.filter { $0.saidAt > through }
                for calibration in new {
                    while !inbox.put(.calibration(calibration)) { try await Task.sleep(for: .milliseconds(20)) }
                    through = calibration.saidAt
                }
                if let renames, let rename = notes.renames.dropFirst(renames).last {
                    log(.info, "sensor renamed: with the next start", ["sensor": rename.sensor, "name": rename.name])
                }
                renames = notes.renames.count
            } catch let error as FileError {
                if told == nil { log(.error, "sensor notes cannot be read", ["error": "\(error)"]) }
                told = "\(error)"
            }
            try await Task.sleep(for: .seconds(2))
        }
    }
}
