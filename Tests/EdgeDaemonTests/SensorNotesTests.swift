@testable import EdgeDaemon
import EdgeStore
import StoreExamples
import Foundation
import Measures
import Runtime
import Testing

@Suite struct SensorNotesTests {
    private let folder: StoreFolder
    init() throws { folder = try StoreFolder() }
    private func name(_ text: String) throws -> SensorName { try #require(SensorName(text)) }
    private let since = Instant(ms: 1_790_000_000_000)

    @Test func `each line is younger than the one before, and an undo restores the previous calibration`() throws {
        let (cellar, since) = (try name("cellar"), since)
        let (first, second) = (
            Calibration(sensor: cellar, from: since, offsetMpct: 1_000), Calibration(sensor: cellar, from: since + .seconds(60), gainPpm: 900_000)
        )
        for note in [.calibrated(first), .calibrated(second), .undone(cellar)] as [SensorNotes.Note] { try SensorNotes.add(note, in: folder.path) }
        let notes = try SensorNotes(in: folder.path)
        #expect(notes.problem == nil)
        #expect(notes.inForce.map(\.offsetMpct) == [1_000])
        #expect(notes.calibrations.map(\.gainPpm) == [1_000_000, 900_000, 1_000_000, 1_000_000])
        #expect(notes.calibrations.map(\.offsetMpct) == [1_000, 0, 0, 1_000])
        #expect(zip(notes.calibrations, notes.calibrations.dropFirst()).allSatisfy { $0.enteredAt < $1.enteredAt })
        let reading = Reading(takenAt: since + .seconds(90), humidityMpct: 40_000)
        #expect(notes.calibrations.sortedByEntry().corrected(reading, of: cellar).humidityMpct == 41_000)
    }

    @Test func `a replacement ends calibrations and sets a serial number, and both follow a rename`() throws {
        let (cellar, vault, since) = (try name("cellar"), try name("vault"), since)
        for note in [
            .calibrated(Calibration(sensor: cellar, from: since, offsetMpct: 1_000)),
            .replaced(cellar, from: since + .seconds(60), serial: "SN-2"), .renamed(cellar, to: vault),
            .calibrated(Calibration(sensor: cellar, from: since, offsetMpct: 7_000)),
        ] as [SensorNotes.Note] { try SensorNotes.add(note, in: folder.path) }
        let notes = try SensorNotes(in: folder.path)
        #expect(notes.renames.map(\.name) == [vault] && notes.serial(of: vault) == "SN-2" && notes.serial(of: cellar) == nil)
        #expect(notes.inForce.map(\.sensor) == [vault, vault, cellar])
        // The log has the calibrations under the names they were entered for; the renames lead to the new names.
        #expect(notes.calibrations.map(\.sensor) == [cellar, cellar, cellar])
        let renames = notes.renames.map { SensorRename(sensor: $0.sensor, name: $0.name, until: since, enteredAt: $0.enteredAt) }
        func said(_ seconds: Int, _ sensor: SensorName) -> Int32? {
            let calibrations = notes.calibrations.map { renames.renamed($0) }
            return calibrations.corrected(Reading(takenAt: since + .seconds(seconds), humidityMpct: 40_000), of: sensor).humidityMpct
        }
        #expect(said(30, vault) == 41_000 && said(90, vault) == 40_000 && said(90, cellar) == 47_000)
    }

    @Test(arguments: [
        "nonsense", "cellar calibrated from=2026-01-01T00:00:00Z gain_ppm=9 offset_mpct=0 at=2026-01-01T00:00:00Z",
        "cellar calibrated gain_ppm=900000 offset_mpct=0 at=2026-01-01T00:00:00Z", "cellar renamed name=cellar at=2026-01-01T00:00:00Z",
        "cellar replaced at=2026-01-01T00:00:00Z", "cellar painted at=2026-01-01T00:00:00Z",
        "cellar undone",
    ])
    func `an unknown line is skipped and reported, and the other lines apply`(line: String) throws {
        let cellar = try name("cellar")
        let good = Calibration(sensor: cellar, from: since, offsetMpct: 1_000)
        try Files.replace("\(folder.path)/sensor-notes", with: Array("\(line)\n".utf8))
        try SensorNotes.add(.calibrated(good), in: folder.path)
        let notes = try SensorNotes(in: folder.path)
        #expect(notes.problem?.hasSuffix("line 1 cannot be parsed") == true)
        #expect(notes.inForce.map(\.offsetMpct) == [1_000])
    }

    @Test func `undoing a replacement restores the previous serial number`() throws {
        let cellar = try name("cellar")
        for note in [.replaced(cellar, from: since, serial: "SN-1"), .replaced(cellar, from: since, serial: "SN-2"), .undone(cellar)]
            as [SensorNotes.Note]
        { try SensorNotes.add(note, in: folder.path) }
        #expect(try SensorNotes(in: folder.path).serial(of: cellar) == "SN-1")
    }

    @Test func `a rename that the configuration never adopted is skipped, and the next rename applies`() throws {
        let (cellar, vault, attic, since) = (try name("cellar"), try name("vault"), try name("attic"), since)
        for note in [
            .calibrated(Calibration(sensor: cellar, from: since, offsetMpct: 1_000)), .renamed(cellar, to: vault), .renamed(cellar, to: attic),
        ] as [SensorNotes.Note] { try SensorNotes.add(note, in: folder.path) }
        let applied = try SensorNotes(in: folder.path, names: [attic])
        #expect(
            applied.renames.map(\.name) == [attic] && applied.unconfiguredRenames.map(\.name) == [vault] && applied.inForce.map(\.sensor) == [attic])
        let none = try SensorNotes(in: folder.path, names: [cellar])
        #expect(none.renames.isEmpty && none.inForce.map(\.sensor) == [cellar])
        // An intermediate rename applies even though its name is no longer in the configuration.
        try SensorNotes.add(.renamed(vault, to: attic), in: folder.path)
        #expect(try SensorNotes(in: folder.path, names: [attic]).renames.count == 3)
    }

    @Test func `a rename that the store has applied stays valid after its name leaves the configuration`() throws {
        let (cellar, vault, since) = (try name("cellar"), try name("vault"), since)
        for note in [.replaced(cellar, from: since, serial: "OLD"), .renamed(cellar, to: vault)] as [SensorNotes.Note] {
            try SensorNotes.add(note, in: folder.path)
        }
        let said = try #require(try SensorNotes(in: folder.path).renames.first)
        let applied = [SensorRename(sensor: cellar, name: vault, until: since, enteredAt: said.enteredAt)]
        let notes = try SensorNotes(in: folder.path, names: [cellar], applied: applied)
        #expect(notes.unconfiguredRenames.isEmpty && notes.serial(of: cellar) == nil && notes.inForce.map(\.sensor) == [vault])
        #expect(try SensorNotes(in: folder.path, names: [cellar]).serial(of: cellar) == "OLD")
    }

    @Test func `lines may end in CR LF`() throws {
        let cellar = try name("cellar")
        let line = "cellar calibrated from=2026-01-01T00:00:00Z gain_ppm=900000 offset_mpct=0 at=2026-01-01T00:00:00Z\r\n"
        try Files.replace("\(folder.path)/sensor-notes", with: Array((line + line).utf8))
        try SensorNotes.add(.calibrated(Calibration(sensor: cellar, from: since, offsetMpct: 1_000)), in: folder.path)
        let notes = try SensorNotes(in: folder.path)
        #expect(notes.problem == nil && notes.calibrations.map(\.gainPpm) == [900_000, 900_000, 1_000_000])
    }

    @Test func `a missing newline at the end of the file is added before a new line`() throws {
        let cellar = try name("cellar")
        try Files.replace("\(folder.path)/sensor-notes", with: Array("cellar undone at=2026-01-01T00:00:00Z".utf8))
        try SensorNotes.add(.calibrated(Calibration(sensor: cellar, from: since, offsetMpct: 1_000)), in: folder.path)
        let notes = try SensorNotes(in: folder.path)
        #expect(notes.problem == nil && notes.inForce.map(\.offsetMpct) == [1_000])
    }

    @Test func `concurrent additions lose nothing`() async throws {
        let (folder, cellar, since) = (folder.path, try name("cellar"), since)
        await withTaskGroup(of: Void.self) { group in
            for number in 1...20 {
                group.addTask {
                    try? SensorNotes.add(.calibrated(Calibration(sensor: cellar, from: since, offsetMpct: Int32(number))), in: folder)
                }
            }
        }
        #expect(Set(try SensorNotes(in: folder).calibrations.map(\.offsetMpct)) == Set(1...20))
    }
}
