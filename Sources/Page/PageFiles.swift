/// The files of the web page. The page's own files are in the binary; the chart library comes from a system package.
package enum PageFiles {
    package struct File: Sendable {
        package let type: String
        package let bytes: [UInt8]
    }

    /// The folder of the chart library's files on Debian (package libjs-dygraphs).
    package static let chartFolder = "/usr/share/javascript/dygraphs"
    package static let chartFiles = ["/dygraph.min.js": "dygraph.min.js", "/dygraph.min.css": "dygraph.min.css"]

    /// Resources load only from this server, and no other page may embed this one in a frame.
    package static let contentSecurityPolicy =
        "default-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

    /// The program that serves the page; the page requests its data from this program's API.
    package enum ServingProgram: String, Sendable { case edge, cloud }

    /// The files that both programs serve, by path.
    package static func shared(face: ServingProgram) -> [String: File] {
        [
            "/": .html(PackageResources.index_html), "/index.html": .html(PackageResources.index_html), "/app.css": .css(PackageResources.app_css),
            "/app.js": .javascript(PackageResources.app_js), "/api.js": .javascript(PackageResources.api_js),
            "/chart.js": .javascript(PackageResources.chart_js), "/dom.js": .javascript(PackageResources.dom_js),
            "/fleet.js": .javascript(PackageResources.fleet_js), "/model.js": .javascript(PackageResources.model_js),
            "/sensor.js": .javascript(PackageResources.sensor_js), "/words.js": .javascript(PackageResources.words_js),
            "/face.js": .javascript(Array("export const face = \"\(face.rawValue)\";\n".utf8)),
            "/icon.svg": File(type: "image/svg+xml", bytes: PackageResources.icon_svg),
        ]
    }

    static func type(ofChartFile name: String) -> String { name.hasSuffix(".css") ? File.css([]).type : File.javascript([]).type }
}

extension PageFiles.File {
    package static func html(_ bytes: [UInt8]) -> PageFiles.File { PageFiles.File(type: "text/html; charset=utf-8", bytes: bytes) }
    package static func css(_ bytes: [UInt8]) -> PageFiles.File { PageFiles.File(type: "text/css; charset=utf-8", bytes: bytes) }
    package static func javascript(_ bytes: [UInt8]) -> PageFiles.File { PageFiles.File(type: "text/javascript; charset=utf-8", bytes: bytes) }
}
