package import Page

/// The files of the cloud's page: those that both programs serve, and those for people who sign in.
package enum CloudPage {
    package static let files: [String: PageFiles.File] = PageFiles.shared(face: .cloud).merging([
        "/sign-in.html": .html(PackageResources.sign_in_html), "/sign-in.js": .javascript(PackageResources.sign_in_js),
        "/audit.html": .html(PackageResources.audit_html), "/audit.js": .javascript(PackageResources.audit_js),
        "/cloud.js": .javascript(PackageResources.cloud_js), "/cloud.css": .css(PackageResources.cloud_css),
        "/events.js": .javascript(PackageResources.events_js), "/device.js": .javascript(PackageResources.device_js),
        "/forms.js": .javascript(PackageResources.forms_js), "/import.js": .javascript(PackageResources.import_js),
        "/parts.js": .javascript(PackageResources.parts_js),
    ]) { $1 }
}
