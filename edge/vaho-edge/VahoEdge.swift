internal import Console
internal import EdgeDaemon
internal import Glibc
internal import Runtime

@main
enum VahoEdge {
    static func main() async {

        ProcessMemory.limitMallocArenas()
        BrokenPipe.ignore()
        FileModes.makeNewFilesPrivate()
        let program = Program(
            name: "vaho-edge", version: EdgeVersion.text,
            summary: "vaho-edge reads humidity sensors, keeps every reading, and forecasts up to five days ahead, online or not.",
            commands: [
                .run, .status, .forecast, .history, .sensors, .sensorsRename, .sensorsReplace, .read, .calibrate, .modelShow, .modelTrust, .enrol,
                .importFile,
            ])
        exit(await program.run(Array(CommandLine.arguments.dropFirst())))
    }
}
