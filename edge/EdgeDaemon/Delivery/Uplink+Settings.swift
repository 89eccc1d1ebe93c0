internal import HTTPClient
internal import Runtime
internal import Wire

/// Fetches the settings that an admin has chosen in the cloud.
extension Uplink {
    /// - Parameter offered: the serial of settings that this device has not reported; `nil`: there are none.
    func fetchSettings(serial offered: UInt64?) async {
        guard let offered, let settings, offered != settings.report.serial else { return }
        do {
            let response = try await client.send(request("GET", "/settings-file"))
            guard response.status == 200 else { throw CloudRefusal(response) }
            settings.accept(String(decoding: response.body, as: UTF8.self), for: device, offered: offered)
        } catch is CancellationError {
        } catch {
            let reason = (error as? CloudRefusal).map { "\($0.status): \($0.detail)" } ?? "\(error)"
            log(.warning, "settings not fetched, retrying with the next batch", ["error": reason])
        }
    }
}
