internal import Glibc
internal import Text

/// A chart as SVG: lines, bands and dots over labelled axes. Colours come from the page's style sheet, by class.
struct Plot {
    private static let (left, right, top, bottom) = (52.0, 14.0, 12.0, 36.0)

    private let title: String
    private let width: Double, height: Double
    private let x: ClosedRange<Double>, y: ClosedRange<Double>
    private var body = ""

    /// - Parameters:
    ///   - title: for screen readers.
    ///   - x: the range of the horizontal axis. Values outside the range are moved to the edge of the frame.
    ///   - y: the range of the vertical axis, with the same rule.
    init(_ title: String, width: Double = 620, height: Double = 280, x: ClosedRange<Double>, y: ClosedRange<Double>) {
        (self.title, self.width, self.height, self.x, self.y) = (title, width, height, x, y)
    }

    private func xPosition(_ value: Double) -> Double {
        Plot.left + (min(x.upperBound, max(x.lowerBound, value)) - x.lowerBound) / (x.upperBound - x.lowerBound) * (width - Plot.left - Plot.right)
    }
    private func yPosition(_ value: Double) -> Double {
        height - Plot.bottom - (min(y.upperBound, max(y.lowerBound, value)) - y.lowerBound) / (y.upperBound - y.lowerBound)
            * (height - Plot.top - Plot.bottom)
    }
    private func point(_ at: (x: Double, y: Double)) -> String { "\(Plot.number(xPosition(at.x))),\(Plot.number(yPosition(at.y)))" }
    private static func number(_ value: Double) -> String { NumberText.fixed(value, places: 1) ?? "0" }

    /// Labels below, each with a tick.
    mutating func xAxis(_ ticks: [(at: Double, label: String)], _ name: String) {
        for tick in ticks {
            let place = Plot.number(xPosition(tick.at))
            body += "<path class=\"axis\" d=\"M\(place),\(Plot.number(height - Plot.bottom))v4\"/>"
            body += text(place, Plot.number(height - Plot.bottom + 16), tick.label, anchor: "middle")
        }
        if !name.isEmpty { body += text(Plot.number((Plot.left + width - Plot.right) / 2), Plot.number(height - 4), name, anchor: "middle") }
    }

    /// Labels to the left, each with a line across.
    mutating func yAxis(_ ticks: [(at: Double, label: String)]) {
        for tick in ticks {
            body += "<path class=\"grid\" d=\"M\(Plot.number(Plot.left)),\(Plot.number(yPosition(tick.at)))H\(Plot.number(width - Plot.right))\"/>"
            body += text(Plot.number(Plot.left - 6), Plot.number(yPosition(tick.at) + 4), tick.label, anchor: "end")
        }
    }

    /// Labels at about five round values.
    mutating func yAxis(unit: String) {
        let step = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20].first { (y.upperBound - y.lowerBound) / $0 <= 6 } ?? 20
        let first = Int((y.lowerBound / step).rounded(.up)), last = Int((y.upperBound / step).rounded(.down))
        guard first <= last else { return }
        yAxis((first...last).map { (at: Double($0) * step, label: (NumberText.fixed(Double($0) * step, places: step < 1 ? 2 : 0) ?? "") + unit) })
    }

    mutating func line(_ points: [(x: Double, y: Double)], _ style: String) {
        guard points.count > 1 else { return }
        body += "<polyline class=\"\(style)\" points=\"\(points.map(point).joined(separator: " "))\"/>"
    }

    mutating func dots(_ points: [(x: Double, y: Double)], _ style: String) {
        for dot in points {
            body += "<circle class=\"\(style)\" cx=\"\(Plot.number(xPosition(dot.x)))\" cy=\"\(Plot.number(yPosition(dot.y)))\" r=\"3\"/>"
        }
    }

    mutating func band(_ points: [(x: Double, low: Double, high: Double)], _ style: String) {
        guard points.count > 1 else { return }
        let edge = points.map { point(($0.x, $0.high)) } + points.reversed().map { point(($0.x, $0.low)) }
        body += "<polygon class=\"\(style)\" points=\"\(edge.joined(separator: " "))\"/>"
    }

    /// A dashed line from top to bottom.
    mutating func verticalLine(_ at: Double) {
        let place = Plot.number(xPosition(at))
        body += "<path class=\"mark\" d=\"M\(place),\(Plot.number(Plot.top))V\(Plot.number(height - Plot.bottom))\"/>"
    }

    private func text(_ x: String, _ y: String, _ words: String, anchor: String) -> String {
        "<text x=\"\(x)\" y=\"\(y)\" text-anchor=\"\(anchor)\">\(HTML.text(words))</text>"
    }

    var svg: String {
        "<svg viewBox=\"0 0 \(Plot.number(width)) \(Plot.number(height))\" style=\"max-width:\(Plot.number(width))px\" role=\"img\" aria-label=\"\(HTML.text(title))\">\(body)</svg>"
    }
}

enum HTML {
    /// Escapes text for HTML, also within quoted attributes.
    static func text(_ text: String) -> String {
        var safe = ""
        for scalar in text.unicodeScalars {  // not by character: a combining mark would hide the character before it
            switch scalar {
            case "&": safe += "&amp;"
            case "<": safe += "&lt;"
            case ">": safe += "&gt;"
            case "\"": safe += "&quot;"
            default: safe.unicodeScalars.append(scalar)
            }
        }
        return safe
    }
}
