package import Runtime

/// The folder that holds the store, the release and the sensor notes.
package struct StateFolder {
    let settings: EdgeSettings
    let log: Log

    package init(settings: EdgeSettings, log: Log) { (self.settings, self.log) = (settings, log) }

    /// Locks the folder against a second daemon. Returns `nil` if the disk cannot be written: then a second daemon cannot damage
    /// anything either.
    package func lock() throws -> FolderLock? {
        do {
            try Files.createFolder(settings.stateFolder)
            let isUsed = Files.exists("\(settings.stateFolder)/lock")
            if isUsed, !Files.exists(settings.storePath) {
                log(.error, "store is missing: creating a new store", ["store": settings.storePath])
            }
            return try FolderLock(settings.stateFolder)
        } catch let error as FileError where error.isDiskFailure {
            log(.error, "state folder cannot be written", ["error": "\(error)"])
            return nil
        }
    }
}
