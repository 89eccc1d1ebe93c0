import Foundation
import Measures
import Runtime
import Synchronization
import Testing

@Suite struct InboxTests {
    @Test(.timeLimit(.minutes(1))) func `a consumer gets all waiting elements at once, and elements beyond the limit are refused`() async {
        let inbox = Inbox<Int>(limit: 3)
        #expect((1...5).map { inbox.enqueue($0) } == [true, true, true, false, false])
        #expect(await inbox.dequeueAll() == [1, 2, 3])
        #expect(inbox.enqueue(6))
        inbox.close()
        #expect(!inbox.enqueue(7))
        #expect(await inbox.dequeueAll() == [6])
        #expect(await inbox.dequeueAll().isEmpty)
    }

    @Test(.timeLimit(.minutes(1))) func `a waiting consumer is resumed by the first element and by cancellation`() async {
        let inbox = Inbox<Int>(limit: 3)
        async let taken = inbox.dequeueAll()
        #expect(inbox.enqueue(1))
        #expect(await taken == [1])
        let waiting = Task { await inbox.dequeueAll() }
        waiting.cancel()
        #expect(await waiting.value.isEmpty)
    }
}

@Suite struct ServicesTests {
    private struct Failing: Service {
        struct Fault: Error {}
        func run() async throws { throw Fault() }
    }
    private final class Waiting: Service {
        let wasCancelled = Mutex(false)
        func run() async throws {
            do { try await Task.sleep(for: .seconds(3_600)) } catch {
                wasCancelled.withLock { $0 = true }
                throw error
            }
        }
    }
    private struct Ending: Service { func run() async throws {} }

    @Test(.timeLimit(.minutes(1))) func `the first service to end cancels the others`() async throws {
        let waiting = Waiting()
        try await Services.run([waiting, Ending()])
        #expect(waiting.wasCancelled.withLock { $0 })
    }

    @Test(.timeLimit(.minutes(1))) func `a failing service cancels the others, and its error is rethrown`() async {
        let waiting = Waiting()
        await #expect(throws: Failing.Fault.self) { try await Services.run([waiting, Failing()]) }
        #expect(waiting.wasCancelled.withLock { $0 })
    }
}

@Suite struct FilesTests {
    private let folder = FileManager.default.temporaryDirectory.path + "/vaho-files-\(UInt64.random(in: 0...(.max)))"

    @Test func `a file is replaced as a whole with the given mode, and reading enforces a limit`() throws {
        try Files.createFolder(folder + "/a/b")
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/a/b/key"
        try Files.replace(path, with: [1, 2, 3], mode: 0o600)
        try Files.replace(path, with: [4, 5], mode: 0o600)
        #expect(try Files.read(path, limit: 2) == [4, 5])
        #expect(try Files.list(folder + "/a/b") == ["key"])
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let error = #expect(throws: FileError.self) { try Files.read(path, limit: 1) }
        #expect(error?.description.contains("larger than allowed") == true)
    }

    @Test func `a failed replacement leaves no temporary file`() throws {
        try Files.createFolder(folder + "/a/taken/within")
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(throws: FileError.self) { try Files.replace(folder + "/a/taken", with: [1, 2, 3]) }
        #expect(try Files.list(folder + "/a") == ["taken"])
    }

    @Test func `an error for a missing file names the file`() {
        let error = #expect(throws: FileError.self) { try Files.read("/nowhere/at/all", limit: 1) }
        #expect(error?.isMissing == true)
        #expect(error?.description == "cannot read /nowhere/at/all: No such file or directory")
    }

    @Test func `lines are read one by one with any line ending, and a line that is too long is refused`() throws {
        try Files.createFolder(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/lines"
        try Files.replace(path, with: Array("a\r\n\nlast".utf8))
        let lines = try LineReader(path: path)
        #expect(try [lines.next(), lines.next(), lines.next(), lines.next()] == ["a", "", "last", nil])
        #expect(lines.line == 3)
        try Files.replace(path, with: Array("first\n".utf8) + [UInt8](repeating: 65, count: 100_000) + Array("\nthird\n".utf8))
        let long = try LineReader(path: path)
        #expect(try long.next() == "first")
        let error = #expect(throws: FileError.self) { try long.next() }
        #expect(error?.description.contains("line 2") == true)
        #expect(try [long.next(), long.next()] == ["third", nil])
        #expect(long.line == 3)
    }
}

@Suite struct InboxProducerTests {
    @Test(.timeLimit(.minutes(1))) func `a cancelled consumer still gets all elements until the last producer is removed`() async {
        let inbox = Inbox<Int>(limit: 10)
        inbox.addProducer()
        let taking = Task {
            var all: [Int] = []
            while true {
                let elements = await inbox.dequeueAll()
                if elements.isEmpty { return all }
                all += elements
            }
        }
        taking.cancel()
        #expect(inbox.enqueue(1))
        await Task.yield()
        #expect(inbox.enqueue(2))
        inbox.removeProducer()
        #expect(await taking.value == [1, 2])
        #expect(!inbox.enqueue(3))
    }
}

@Suite struct FileModeTests {
    private let folder = FileManager.default.temporaryDirectory.path + "/vaho-modes-\(UInt64.random(in: 0...(.max)))"

    private func mode(_ path: String) throws -> Int? { try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int }

    @Test func `a symbolic link at the temporary name is not followed when a file is replaced`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Files.createFolder(folder)
        try "keep".write(toFile: folder + "/victim", atomically: true, encoding: .utf8)
        try FileManager.default.createSymbolicLink(atPath: folder + "/token.new", withDestinationPath: folder + "/victim")
        try Files.replace(folder + "/token", with: Array("secret".utf8), mode: 0o600)
        #expect(try String(contentsOfFile: folder + "/victim", encoding: .utf8) == "keep")
        #expect(try String(contentsOfFile: folder + "/token", encoding: .utf8) == "secret")
        #expect(try mode(folder + "/token") == 0o600)
    }

    @Test func `file permissions that are too wide are narrowed, and narrower ones stay`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Files.createFolder(folder)
        for (before, after) in [(0o666, 0o640), (0o600, 0o600), (0o644, 0o640)] {
            try "x".write(toFile: folder + "/store", atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: before], ofItemAtPath: folder + "/store")
            Files.restrictPermissions(folder + "/store", to: 0o640)
            #expect(try mode(folder + "/store") == after)
        }
    }
}

@Suite struct ChildProcessTests {
    @Test(.timeLimit(.minutes(1))) func `a process that left the command's process group is ended with the command`() throws {
        // The stray process holds the write end of this pipe: the test reads its number, and at its end the end of the file.
        let pipe = "/tmp/vaho-stray-\(UInt64.random(in: 0...(.max)))"
        try #require(mkfifo(pipe, 0o600) == 0)
        defer { try? FileManager.default.removeItem(atPath: pipe) }
        let child = try ChildProcess("setsid sh -c 'exec 9>\(pipe); echo $$ >&9; exec sleep 50' & sleep 50")
        let reader = try #require(FileHandle(forReadingAtPath: pipe))
        var text = ""
        while !text.hasSuffix("\n") { text += String(decoding: reader.availableData, as: UTF8.self) }
        let process = try #require(pid_t(text.dropLast()))
        #expect(kill(process, 0) == 0)
        let killedAt = ContinuousClock.now
        child.kill()
        #expect(reader.availableData.isEmpty)  // waits until the process has ended
        #expect(.now - killedAt < .seconds(40), "the process ended by itself")
        _ = child.end()
    }
}

@Suite struct ReadingClockTests {
    @Test func `a replay's clock stops when its last recording has ended`() {
        let clock = ReadingClock.replay(from: Instant(ms: 1_000_000_000_000), speed: 1_000_000, recordings: 2)
        clock.recordingEnded()
        let between = clock.now
        while clock.now == between {}
        clock.recordingEnded()
        let end = clock.now
        for _ in 0..<1_000 { #expect(clock.now == end) }
    }

    @Test func `a replay starts at its start time and runs at the given speed`() {
        let start = Instant(ms: 1_000_000_000_000)
        let clock = ReadingClock.replay(from: start, speed: 3_600)
        #expect(clock.isReplay)
        #expect(clock.now >= start)
        let wait = clock.realTime(until: clock.now + .seconds(36_000))
        #expect(wait > .seconds(5) && wait <= .seconds(10))
        #expect(clock.realTime(until: start - .seconds(1)) == .zero)
    }
}
