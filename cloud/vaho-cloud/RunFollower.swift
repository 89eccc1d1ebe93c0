internal import Archive
internal import Console
internal import Runtime
internal import Pipeline

/// Shows a run until it ends: does the run in this program, or, if the server does it, waits for the server.
struct RunFollower {
    let archive: Archive
    let settings: CloudSettings

    func follow(_ id: Int64) async throws {
        let progress = ProgressWithTime()
        let worker = RunWorker(
            archive: archive, reader: archive, keyFile: settings.signingKeyFile, pretrained: try settings.pretrained(),
            rolloutSteps: settings.rolloutSteps, maximumAttempts: 1)
        while let run = try await archive.run(id), run.endedAt == nil {
            if try await worker.work(on: id, progress: progress.show) != nil { break }
            progress.show("run \(id) is done by the server: \(TrainingStep(rawValue: run.step)?.name ?? "")")
            try await Task.sleep(for: .seconds(1))
        }
        progress.end()
        guard let run = try await archive.run(id) else { return }
        let release = run.release.map { " release \($0)" } ?? ""
        guard ![RunOutcome.failed, .cancelled].contains(where: { $0.rawValue == run.outcome }) else {
            throw CommandFailure("run \(id) \(run.outcome): \(run.detail); vaho-cloud runs retry \(id) continues it")
        }
        Paragraph.write("\(run.outcome)\(release): \(run.detail)")
        StandardOutput.write("vaho-cloud runs show \(id) shows its steps and its evidence\n")
    }
}
