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
            summary: "vaho-cloud stores the readings of vaho-edge devices, trains and signs forecast models, and serves the models to the devices.",
            commands: [
                .serve, .deviceAdd, .deviceList, .deviceShow, .deviceTag, .deviceSettings, .deviceRename, .deviceMove, .deviceRevoke, .deviceDelete,
                .deviceCode,
                .deviceEnrol,
                .deviceRotate, .keysNew, .keysList, .keysMake,
                .keysRotate, .keysAdd, .keysRoot, .keysRevoke, .keysSign, .keysImport, .keys, .backup,
                .restore,
                .migrate, .rebuild, .train, .runsList, .runsShow, .runsStart, .runsCancel, .runsRetry, .modelsList, .modelsShow, .modelsCompare,
                .modelsHistory, .modelsPromote, .modelsRollback, .modelsPin, .modelsUnpin, .modelsExport, .modelsVerify, .modelsReproduce,
                .modelsCandidate, .modelsSign, .modelsStop, .modelsGo, .modelsImport, .modelsBlock, .modelsUnblock, .rolloutList, .rolloutShow,
                .rolloutStart, .rolloutPause,
                .rolloutResume,
                .rolloutAbort, .rolloutPromote, .watchSensors, .watchModel, .watchAlarms, .watchRepaired, .watchDismiss, .watchMaintenance,
                .snapshotCreate, .snapshotList, .snapshotShow, .snapshotDiff, .snapshotExport, .snapshotGC, .forecast, .forecastErrors, .decisions,
                .userAdd, .userList, .userPassword, .userRemove, .tokenCreate, .tokenList, .tokenRevoke, .audit, .importFile,
                .backtest,
            ])
        exit(await program.run(Array(CommandLine.arguments.dropFirst())))
    }
}
