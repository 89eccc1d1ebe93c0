internal import APIDocuments
internal import Archive
internal import Forecasting
internal import LoggerFiles
internal import Measures
internal import Pipeline
internal import Text

extension FilePreview {
    private static let shownObservations = 1_008  // a week of ten minutes

    var json: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.array("layout") { json in
                for (what, value) in layout.description {
                    json.object { json in
                        json.field("what", what)
                        json.field("value", value)
                    }
                }
            }
            json.field("header_line", layout.headerLine)
            json.field("newest_first", layout.isNewestFirst)
            json.array("questions") { json in  // options that the person must choose, because the file does not contain them
                if isZoneAssumed { json.string("zone") }
                if layout.isDateOrderGuessed { json.string("dates") }
            }
            content.write(to: &json)
            let shown = observations.suffix(FilePreview.shownObservations)
            json.field("step_s", step.wholeSeconds)
            json.object("observations") { json in
                json.array("time") { json in for row in shown { json.string(RFC3339.format(ms: row.validAt.ms)) } }
                json.array("humidity_pct") { json in for row in shown { json.number(row.humidity.percent, places: 3) } }
                json.array("temperature_c") { json in for row in shown { json.number(row.temperature?.celsius, places: 3) } }
            }
            guard let forecast else { return json.null("forecast") }
            json.object("forecast") { json in
                json.field("origin", RFC3339.format(ms: forecast.origin.ms))
                json.field("method", forecast.method.name)
                Documents.levels(of: forecast, horizon: ForecastShape.horizon, at: ForecastShape.levels, to: &json)
            }
        }
        return json.bytes
    }
}

extension LoggerFile.Result {
    /// The fields about the rows that were read and left out.
    fileprivate func write(to json: inout JSONWriter) {
        json.field("readings", rows.count)
        json.field("without_humidity", missing)
        json.field("repeated", repeated)
        json.field("unreadable", problemCount)
        json.array("problems") { json in
            for problem in problems {
                json.object { json in
                    json.field("line", problem.line)
                    json.field("detail", problem.text)
                }
            }
        }
        json.array("first") { json in
            for row in rows.prefix(3) {
                json.object { json in
                    json.field("line", row.line)
                    json.field("time", RFC3339.format(ms: row.takenAt.ms))
                    json.field("humidity_pct", row.humidityPct, places: 2)
                    json.field("temperature_c", row.temperatureC, places: 2)
                }
            }
        }
        json.field("last", rows.last.map { RFC3339.format(ms: $0.takenAt.ms) })
    }

    /// The answer to an import.
    func json(_ done: FileImport) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("stored", done.count(.stored))
            json.field("stored_before", done.count(.duplicate))
            json.field("conflicts", done.count(.conflict))
            json.field("refused", done.count(.tooOld) + done.count(.unknownSensor))
            json.field("summary", done.summary)
            write(to: &json)
        }
        return json.bytes
    }
}
