internal import APIDocuments
internal import Archive
internal import Measures
internal import Runtime
internal import Text

/// Looks for changes of the archive once a second while somebody reads the feed, and publishes them. The cost does not depend on the number of readers.
final class ChangeWatch: Service {
    private let feed: ChangeFeed
    private let streams: EventStreams
    private let devices: ChangedDevices
    private let reader: Archive
    private let clock: ServiceClock
    private let log: Log

    static let period: Duration = .seconds(1)
    private static let secondsPerBeat = 15
    /// If more devices have changed, readers are told to load their list again; documents of so many devices would cost more.
    private static let documentsPerStep = 200

    init(feed: ChangeFeed, streams: EventStreams, devices: ChangedDevices, reader: Archive, clock: ServiceClock = .host, log: Log) {
        (self.feed, self.streams, self.devices, self.reader, self.clock, self.log) = (feed, streams, devices, reader, clock, log)
    }

    func run() async throws {
        var step = 0
        var known: Known?
        try await clock.repeating(
            every: ChangeWatch.period, retry: RetryPause(first: .seconds(2), longest: .seconds(30)), failure: "changes not published, retrying",
            log: log
        ) {
            step += 1
            if step % ChangeWatch.secondsPerBeat == 0 { feed.beat() }
            guard !streams.isEmpty else {
                known = nil
                _ = devices.removeAll()
                return feed.forget()
            }
            known = try await publish(since: known)
        }
    }

    /// The marks that a step has read, and the time of the step.
    struct Known: Sendable {
        let marks: Archive.ChangeMarks
        let at: Instant
    }

    /// - Parameter known: of the step before; `nil` in the first step, and after a failed one.
    func publish(since known: Known?) async throws -> Known {
        let (changed, watched, now) = (devices.removeAll(), streams.filteredDevices, clock.wallClock)
        do {
            let (marks, changes, waiting) = try await reader.perform { archive in
                // A period more than since the last step: a batch may be committed some time after its arrival.
                let since = (known?.at ?? now) - (ChangeWatch.period + ChangeWatch.period)
                let own = changed.union(try archive.devicesSeenByAnyServer(since: since, limit: ChangeWatch.documentsPerStep + 1))
                // A device whose newest batches are not derived yet is published in a later step, with its new observations.
                let waiting = try archive.underivedDevices(of: own)
                let marks = try archive.changeMarks()
                var changes = try archive.deviceChanges(of: own.subtracting(waiting), watched: watched, limit: ChangeWatch.documentsPerStep)
                // Without a step before, the changes since the first reader came are not known.
                if marks.fleet != known?.marks.fleet || changes.isIncomplete {
                    changes.list.append(ChangeFeed.Change(kind: .fleet, data: try archive.countsDocument()))
                }
                if marks.models != known?.marks.models { changes.list.append(ChangeFeed.Change(kind: .models, data: Array("{}".utf8))) }
                return (marks, changes.list, waiting)
            }
            feed.publish(changes)
            devices.insert(waiting)
            return Known(marks: marks, at: now)
        } catch {
            devices.insert(changed)
            throw error
        }
    }
}

extension Archive {
    /// - Parameters:
    ///   - devices: the ids of changed devices.
    ///   - watched: the names of devices that are published in any case.
    /// - Returns: `isIncomplete`: there are more than `limit` devices, and only watched ones are in the list.
    fileprivate func deviceChanges(
        of devices: Set<Int64>, watched: Set<String>, limit: Int
    ) throws -> (list: [ChangeFeed.Change], isIncomplete: Bool) {
        var names = try deviceNames(of: devices)
        let isIncomplete = names.count > limit
        if isIncomplete { names = names.filter { watched.contains($0.name) } }
        let now = WallClock.now
        let list = try views(named: Array(names.sorted { $0.name < $1.name }.prefix(limit)), now: now).map { view in
            var json = JSONWriter()
            json.object { json in view.document.write(now: view.currentTime(at: now), to: &json) }
            return ChangeFeed.Change(kind: .device, device: view.device.name.name, data: json.bytes)
        }
        return (list, isIncomplete)
    }

    fileprivate func countsDocument() throws -> [UInt8] {
        let counts = try stateCounts()
        var json = JSONWriter()
        json.object { json in json.stateCounts(counts) }
        return json.bytes
    }
}
