internal import APIDocuments
internal import Archive
internal import Measures
internal import Text

/// JSON documents of rollouts and of the emergency stop.
extension Archive {
    func rolloutsDocument(_ page: NewestFirst) throws -> [UInt8] {
        try page.document("rollouts", { try rollouts(before: $0, limit: $1) }, number: \.id) { Archive.write($0, &$1) }
    }

    func rolloutDocument(_ text: String) throws -> [UInt8] {
        guard let id = Int64(text), let rollout = try rollout(id) else {
            throw Problem(status: 404, detail: "there is no rollout \(text.prefix(40))")
        }
        let events = try rolloutEvents(of: id)
        let rejections = try rejections(of: rollout.release, limit: Archive.listLimit)
        var json = JSONWriter()
        json.object { json in
            Archive.write(rollout, &json)
            json.array("events") { json in
                for event in events {
                    json.object { json in
                        json.field("at", RFC3339.format(ms: event.at.ms))
                        json.field("author", event.author)
                        json.field("event", event.event)
                        json.field("reason", event.reason)
                    }
                }
            }
            json.array("rejections") { json in
                for rejection in rejections {
                    json.object { json in
                        json.field("device", rejection.device.name)
                        json.field("reason", rejection.reason)
                        json.field("detail", rejection.detail)
                        json.field("at", RFC3339.format(ms: rejection.at.ms))
                    }
                }
            }
        }
        return json.bytes
    }

    private static func write(_ rollout: Rollout, _ json: inout JSONWriter) {
        json.field("id", rollout.id)
        json.field("release", rollout.release)
        json.field("control", rollout.control)
        json.array("tags") { json in for tag in rollout.tags { json.string(tag) } }
        json.field("state", rollout.state.rawValue)
        json.field("detail", rollout.detail)
        json.field("steps", rollout.steps.text)
        json.field(
            "percent", rollout.through == RolloutPlace.none ? 0 : Int64(rollout.steps.steps[min(rollout.step, rollout.steps.steps.count - 1)].percent)
        )
        json.field("cause", rollout.cause)
        json.field("author", rollout.author)
        json.field("run", rollout.run)
        json.field("started_at", RFC3339.format(ms: rollout.createdAt.ms))
        json.field("ended_at", rollout.endedAt.map { RFC3339.format(ms: $0.ms) })
    }

    func releaseStopDocument() throws -> [UInt8] {
        let stop = try releaseStop()
        var json = JSONWriter()
        json.object { json in
            json.field("is_on", stop != nil)
            json.field("since", stop.map { RFC3339.format(ms: $0.at.ms) })
            json.field("author", stop?.author)
            json.field("reason", stop?.reason)
        }
        return json.bytes
    }
}
