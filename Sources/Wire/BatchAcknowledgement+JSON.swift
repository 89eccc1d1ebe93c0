internal import Measures
internal import Text

extension BatchAcknowledgement {
    package func json() -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("epoch", epoch.description)
            json.field("through", through)
            json.array("held") { json in
                for range in held {
                    json.array { json in
                        json.integer(range.lowerBound)
                        json.integer(range.upperBound)
                    }
                }
            }
            json.array("refused") { json in
                for row in refused {
                    json.object { json in
                        json.field("sequence", row.sequence)
                        json.field("reason", row.reason.name)
                    }
                }
            }
            json.array("conflicts") { json in for sequence in conflicts { json.integer(sequence) } }
            json.object("next") { json in
                json.field("after_ms", next.delayMs)
                json.field("max_readings", next.maxReadings)
                json.field("max_bytes", next.maxBytes)
            }
            json.field("release", release)
            json.field("two_hosts", hasDuplicateHost)
        }
        return json.bytes
    }
}
