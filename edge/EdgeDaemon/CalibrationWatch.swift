internal import Measures
internal import Runtime

/// Takes in the calibrations that were added to the file, at the start and as they come.
struct CalibrationWatch: Service {
    let folder: String
    let known: Int  // that the log has already
    let inbox: Inbox<Sampler.Arrival>
    let log: Log

    func run() async throws {
        var taken = known
        var told: String?
        while true {
            do {
                let (calibrations, _, problem) = try CalibrationFile.read(folder)
                if problem != told, let problem { log(.error, "calibration passed over", ["error": problem]) }
                told = problem
                while taken < calibrations.count, inbox.put(.calibration(calibrations[taken])) { taken += 1 }
            } catch {
                if told == nil { log(.error, "calibrations cannot be read", ["error": "\(error)"]) }
                told = "\(error)"
            }
            try await Task.sleep(for: .seconds(2))
        }
    }
}
