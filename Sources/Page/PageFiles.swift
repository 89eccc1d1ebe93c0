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

    package static let paths = [
        "/", "/index.html", "/app.css", "/app.js", "/api.js", "/chart.js", "/dom.js", "/fleet.js", "/model.js", "/sensor.js", "/words.js", "/face.js",
        "/icon.svg",
    ]
    /// Only the cloud has people who sign in.
    package static let cloudPaths = ["/sign-in.html", "/sign-in.js", "/audit.html", "/audit.js"]

    package static func file(at path: String, face: ServingProgram) -> File? {
        switch path {
        case "/", "/index.html": File(type: html, bytes: PackageResources.index_html)
        case "/app.css": File(type: css, bytes: PackageResources.app_css)
        case "/app.js": File(type: javascript, bytes: PackageResources.app_js)
        case "/api.js": File(type: javascript, bytes: PackageResources.api_js)
        case "/chart.js": File(type: javascript, bytes: PackageResources.chart_js)
        case "/dom.js": File(type: javascript, bytes: PackageResources.dom_js)
        case "/fleet.js": File(type: javascript, bytes: PackageResources.fleet_js)
        case "/model.js": File(type: javascript, bytes: PackageResources.model_js)
        case "/sensor.js": File(type: javascript, bytes: PackageResources.sensor_js)
        case "/words.js": File(type: javascript, bytes: PackageResources.words_js)
        case "/face.js": File(type: javascript, bytes: Array("export const face = \"\(face.rawValue)\";\n".utf8))
        case "/sign-in.html": File(type: html, bytes: PackageResources.sign_in_html)
        case "/sign-in.js": File(type: javascript, bytes: PackageResources.sign_in_js)
        case "/audit.html": File(type: html, bytes: PackageResources.audit_html)
        case "/audit.js": File(type: javascript, bytes: PackageResources.audit_js)
        case "/icon.svg": File(type: "image/svg+xml", bytes: PackageResources.icon_svg)
        default: nil
        }
    }

    package static func type(ofChartFile name: String) -> String { name.hasSuffix(".css") ? css : javascript }

    private static let html = "text/html; charset=utf-8"
    private static let css = "text/css; charset=utf-8"
    private static let javascript = "text/javascript; charset=utf-8"
}
