internal import Measures
internal import Text

extension DeviceReport {
    func write(to json: inout JSONWriter) {
        json.field("release", release)
        json.field("backlog", backlog)
        json.field("evicted", evicted)
        json.field("refused", refused)
        json.field("clock", clock.rawValue)
        DeviceReport.write(scores, to: &json)
        json.field("refusal", releaseRefusal)
        writeConditions(to: &json)
        writeReleases(to: &json)
        guard !alerts.isEmpty else { return }
        json.array("alerts") { json in
            for alert in alerts {
                json.object { json in
                    json.field("rule", alert.rule)
                    json.field("text", alert.text)
                    json.field("sensor", alert.sensor.name)
                    json.field("since_ms", alert.since.ms)
                    json.field("value_milli", alert.valueMilli)
                }
            }
        }
    }

    private static func write(_ scores: [LiveScore], to json: inout JSONWriter) {
        json.array("scores") { json in
            for score in scores {
                json.object { json in
                    json.field("release_counter", score.releaseCounter)
                    json.field("lead_time_s", score.leadTimeSeconds)
                    json.field("count", score.count)
                    json.field("absolute_error_mpct", score.absoluteErrorMpct)
                    json.field("persistence_error_mpct", score.persistenceErrorMpct)
                    json.field("climatology_error_mpct", score.climatologyErrorMpct)
                    json.field("covered_ppm", score.coveredPpm)
                }
            }
        }
    }

    private func writeReleases(to json: inout JSONWriter) {
        if !rejections.isEmpty {
            json.array("rejected_releases") { json in
                for rejection in rejections {
                    json.object { json in
                        json.field("release", rejection.release)
                        json.field("reason", rejection.reason.name)
                        json.field("at_ms", rejection.at.ms)
                        json.field("detail", rejection.detail)
                    }
                }
            }
        }
        guard !dailyScores.isEmpty else { return }
        json.array("daily_scores") { json in
            for score in dailyScores {
                json.object { json in
                    json.field("sensor", score.sensor.name)
                    json.field("day", score.day)
                    json.field("release_counter", score.releaseCounter)
                    json.field("lead_time_s", score.leadTimeSeconds)
                    json.field("count", score.count)
                    json.field("absolute_error_mpct", score.absoluteErrorMpct)
                    json.field("persistence_error_mpct", score.persistenceErrorMpct)
                    json.field("climatology_error_mpct", score.climatologyErrorMpct)
                    json.field("pinball_mpct", score.pinballMpct)
                    json.field("covered", score.covered)
                    guard let comparison = score.comparison else { return }
                    json.object("comparison") { json in
                        json.field("rival_counter", comparison.rivalCounter)
                        json.field("count", comparison.count)
                        json.field("error_mpct", comparison.errorMpct)
                        json.field("rival_error_mpct", comparison.rivalErrorMpct)
                    }
                }
            }
        }
    }

    private func writeConditions(to json: inout JSONWriter) {
        if !sensors.isEmpty {
            json.array("sensors") { json in
                for sensor in sensors {
                    json.object { json in
                        json.field("sensor", sensor.sensor.name)
                        json.field("state", sensor.condition.state.name)
                        json.field("since_ms", sensor.condition.since?.ms)
                        json.field("detail", sensor.condition.detail)
                        json.field("newest_at_ms", sensor.newestAt?.ms)
                        json.field("rejected_mpct", sensor.rejectedMpct)
                        DeviceReport.write(sensor.scores, to: &json)
                    }
                }
            }
        }
        guard !thresholds.isEmpty else { return }
        json.array("thresholds") { json in
            for threshold in thresholds {
                json.object { json in
                    threshold.writeCondition(to: &json)
                    json.field("humidity_mpct", Int64(threshold.percent * 1_000 + 0.5))
                }
            }
        }
    }
}
