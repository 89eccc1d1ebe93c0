internal import Console
internal import Glibc
internal import Runtime

enum CloudVersion {
    static let text = "0.1.0"
}

@main
enum VahoCloud {
    static func main() async {
        BrokenPipe.ignore()
        FileModes.makeNewFilesPrivate()
        let program = Program(
            name: "vaho-cloud", version: CloudVersion.text,
            summary: "vaho-cloud takes in what vaho-edge devices measure, trains their models, signs them and sends them back.",
            commands: [
                .serve, .deviceAdd, .deviceList, .deviceShow, .deviceRevoke, .deviceCode, .deviceRotate, .keysNew, .keys, .backup, .rebuild, .train,
                .modelsList,
                .modelsShow, .runs, .backtest,
            ])
        exit(await program.run(Array(CommandLine.arguments.dropFirst())))
    }
}
