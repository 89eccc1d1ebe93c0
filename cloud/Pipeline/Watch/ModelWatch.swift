package import Archive
internal import Measures
package import Runtime
internal import Text
internal import Watch
internal import Wire

/// Judges the champion at each lead time when the devices have reported the errors of another day. `RunTriggers` acts on the judgement.
package struct ModelWatch: Service {
    private let archive: Archive
    private let reader: Archive
    private let clock: ServiceClock
    private let log: Log
    private static let years: Int64 = 3  // of history that are looked at

    package init(archive: Archive, reader: Archive, clock: ServiceClock = .host, log: Log) {
        (self.archive, self.reader, self.clock, self.log) = (archive, reader, clock, log)
    }

    package func run() async throws {
        try await clock.repeating(
            every: .seconds(10), retry: RetryPause(first: .seconds(2), longest: .seconds(300)), failure: "model not judged, retrying", log: log
        ) { try await judgeNewDay() }
    }

    package func judgeNewDay() async throws {
        guard let champion = try await reader.release(of: .champion), let day = try await reader.newestLiveDay(of: champion.counter) else { return }
        let last = try await reader.modelJudgements().first
        guard last?.release != champion.counter || last?.day ?? .min < day else { return }
        let days = try await reader.modelDays(of: champion.counter, days: (day - 32)...day)
        var history: [Duration: [ModelHealth.Day]] = [:]
        for year in 1...ModelWatch.years {
            let middle = day - year * 365
            history.merge(try await reader.modelDays(of: nil, days: (middle - 46)...(middle + 46))) { $0 + $1 }
        }
        var figures: [String: String] = [:]
        if let run = try await reader.release(counter: champion.counter)?.run {
            figures = Dictionary(try await reader.figures(of: run).map { ($0.name, $0.value) }) { first, _ in first }
        }
        var health: [Duration: ModelHealth] = [:]
        for (lead, days) in days {
            health[lead] = ModelHealth.judge(days, history: history[lead] ?? [], backtest: ModelWatch.backtest(figures, lead))
        }
        try await archive.store(health, of: champion.counter, day: day)
    }

    /// Error / error of persistence in the backtest.
    private static func backtest(_ figures: [String: String], _ lead: Duration) -> Double? {
        func value(_ name: String) -> Double? { figures["error.\(name).\(lead.wholeSeconds / 3_600)h"].flatMap { NumberText.decimal($0) } }
        guard let candidate = value("candidate"), let persistence = value("persistence"), persistence > 0 else { return nil }
        return candidate / persistence
    }
}
