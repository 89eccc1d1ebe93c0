internal import HTTPClient
internal import Releases
internal import Runtime
internal import Wire

/// Fetches key sets and releases.
extension Uplink {
    /// Takes new key sets, then the release that the cloud offers.
    func followReleases(_ offered: ReleaseReference?) async {
        let release: ReleaseReference? = if let offered, await intake.shouldFetch(offered) { offered } else { nil }
        await fetchKeySets(beforeRelease: release != nil)
        if let release { await fetch(release) }
        await intake.applyTrust(offered: offered)
    }

    private func fetchKeySets(beforeRelease: Bool) async {
        guard await intake.shouldFetchKeySets(beforeRelease: beforeRelease) else { return }
        do {
            let response = try await client.send(request("GET", "/release-keys?after=\(await intake.keySetSerial())"))
            switch response.status {
            case 200: await intake.acceptKeySets(String(decoding: response.body, as: UTF8.self))
            case 204, 404: break  // no new set; a cloud of an earlier version
            default: throw CloudRefusal(response)
            }
        } catch is CancellationError {
        } catch {
            await intake.keySetFetchFailed()
            let reason = (error as? CloudRefusal).map { "\($0.status): \($0.detail)" } ?? "\(error)"
            log(.warning, "release key sets not fetched, retrying", ["error": reason])
        }
    }

    /// Fetches and installs a release. A failed fetch does not block the delivery of rows and is retried later.
    private func fetch(_ offered: ReleaseReference) async {
        do {
            let response = try await client.send(request("GET", "/release"))
            guard response.status == 200 else { throw CloudRefusal(response) }
            await intake.install(response.body, as: offered)
        } catch is CancellationError {
        } catch {
            await intake.fetchFailed(offered)
            let reason = (error as? CloudRefusal).map { "\($0.status): \($0.detail)" } ?? "\(error)"
            log(.warning, "release not fetched", ["counter": offered.counter, "error": reason])
        }
    }
}
