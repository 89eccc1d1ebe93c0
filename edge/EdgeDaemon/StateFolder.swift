internal import Runtime

/// The folder that holds the store, the release and what people have noted of sensors.
struct StateFolder {
    let settings: EdgeSettings
    let log: Log

    /// Keeps a second daemon out. On a disk that takes no lock there is nothing that two could spoil.
    func lock() throws -> FolderLock? {
        do {
            try Files.makeFolder(settings.stateFolder)
            let isUsed = Files.exists("\(settings.stateFolder)/lock")
            if isUsed, !Files.exists(settings.storePath) {
                log(.error, "store is missing though there was one: a new one is made", ["store": settings.storePath])
            }
            return try FolderLock(settings.stateFolder)
        } catch let error as FileError where error.isDiskTrouble {
            log(.error, "state folder cannot be written", ["error": "\(error)"])
            return nil
        }
    }
}
