// swift-tools-version: 6.2
import PackageDescription

// Every target: Swift 6 mode and the upcoming features below. The core and the wrappers of C libraries also name each
// unsafe expression. What the edge links leaves `_StringProcessing` out: it would add 1.4 MB to the binary.
let features: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]
let lean: [SwiftSetting] = features + [.unsafeFlags(["-Xfrontend", "-disable-implicit-string-processing-module-import"])]
// For size: it costs the shell nothing that could be measured and a forecast a tenth, and saves a megabyte.
let small: [SwiftSetting] = lean + [.unsafeFlags(["-Osize"], .when(configuration: .release))]
let strict: [SwiftSetting] = small + [.strictMemorySafety()]
// Forecasting and training are arithmetic by the billion: optimised in tests, too, which would wait for it.
let quickInTests: SwiftSetting = .unsafeFlags(["-O"], .when(configuration: .debug))
let arithmetic: [SwiftSetting] = lean + [.strictMemorySafety(), quickInTests]

func library(
    _ name: String, path: String? = nil, _ dependencies: [Target.Dependency] = [], settings: [SwiftSetting] = strict, exclude: [String] = [],
    resources: [Resource] = []
) -> Target {
    .target(name: name, dependencies: dependencies, path: path ?? "Sources/\(name)", exclude: exclude, resources: resources, swiftSettings: settings)
}
func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, path: "Tests/\(name)", swiftSettings: features)
}
func system(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, path: "Sources/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt])])
}

/// What the edge, the archive and the pipeline have in common.
let core: [Target.Dependency] = ["Measures", "Text", "Observing", "Wire"]

let package = Package(
    name: "vaho",
    products: [
        .executable(name: "vaho-edge", targets: ["vaho-edge"]),
        .executable(name: "vaho-cloud", targets: ["vaho-cloud"]),
    ],
    dependencies: [],
    targets: [
        // The core: values in, values out.
        library("Measures"),
        library("Text"),
        library("Bytes"),
        library("Psychrometrics", ["Measures"]),
        library("Observing", ["Measures"], settings: strict + [quickInTests]),
        library("Forecasting", ["Measures", "Psychrometrics", "Observing"], settings: strict + [quickInTests]),
        library("Randomness"),
        library("Evaluation", ["Measures", "Observing", "Forecasting", "Randomness"], settings: strict + [quickInTests]),
        library("Simulation", ["Measures"]),
        library("Releases", ["Measures", "Bytes", "Observing", "Forecasting"]),
        library("Wire", ["Measures", "Bytes", "Text"], exclude: ["FORMAT.md"]),

        library("TrustedReleases", ["Releases", "Signing", "Text"]),

        // The shell both programs share.
        library("Runtime", ["Measures", "CLinux"]),
        library("Console", ["Runtime", "Text"]),

        library("LoggerFiles", ["Measures", "Text", "Runtime"]),

        .systemLibrary(name: "CLinux", path: "Sources/CLinux"),

        // One C library each, and its Swift face.
        system("CSQLite", pkgConfig: "sqlite3", apt: "libsqlite3-dev"),
        system("CCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
        system("CPostgres", pkgConfig: "libpq", apt: "libpq-dev"),
        system("CMicroHTTPD", pkgConfig: "libmicrohttpd", apt: "libmicrohttpd-dev"),
        system("CCrypto", pkgConfig: "libcrypto", apt: "libssl-dev"),
        library("SQLite", ["CSQLite"]),
        library("Postgres", ["CPostgres"]),
        library("HTTPClient", ["CCurl", "Runtime", "Text"]),
        system("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
        library("Deflate", ["CZlib"]),
        library("HTTPServer", ["CMicroHTTPD", "Deflate", "Text"]),
        library("Signing", ["CCrypto", "Text"]),
        library("APIDocuments", ["Measures", "Text", "Psychrometrics", "Forecasting", "Wire", "HTTPServer"], settings: small),
        library("Page", ["APIDocuments", "HTTPServer", "Runtime"], settings: small, resources: [.embedInCode("web")]),

        // Learning: what only the cloud does with the core.
        library("Learning", path: "cloud/Learning", ["Measures", "Observing", "Forecasting", "Randomness"], settings: arithmetic),

        // The edge.
        library("Sensors", path: "edge/Sensors", ["Measures", "Observing", "Simulation", "Text", "Runtime", "CLinux"]),
        library(
            "EdgeStore", path: "edge/EdgeStore",
            ["Measures", "Text", "Bytes", "Observing", "Forecasting", "Evaluation", "Wire", "Runtime", "SQLite", "Signing"], settings: small),
        library(
            "EdgeDaemon", path: "edge/EdgeDaemon",
            core + [
                "Psychrometrics", "Forecasting", "Releases", "TrustedReleases", "Sensors", "EdgeStore", "APIDocuments", "Runtime", "Console",
                "Bytes", "Evaluation", "SQLite",
                "Deflate",
                "HTTPClient", "HTTPServer", "Signing", "Page",
            ], settings: small),
        .executableTarget(
            name: "vaho-edge",
            dependencies: core + [
                "Psychrometrics", "Forecasting", "Releases", "TrustedReleases", "Sensors", "EdgeStore", "EdgeDaemon", "APIDocuments", "Runtime",
                "Console", "Signing", "LoggerFiles", "HTTPClient",
            ], path: "edge/vaho-edge", swiftSettings: small),

        // The cloud.
        library("CloudPage", path: "cloud/Page", ["Page"], settings: features, resources: [.embedInCode("web")]),
        library("Access", path: "cloud/Access", ["Signing", "Text"], settings: features + [.strictMemorySafety()]),
        library("Watch", path: "cloud/Watch", ["Measures", "Observing", "Psychrometrics"], settings: arithmetic),
        library(
            "Archive", path: "cloud/Archive",
            core + ["Access", "Watch", "Bytes", "Forecasting", "Evaluation", "Releases", "Runtime", "SQLite", "Postgres", "Signing"],
            settings: features),
        library(
            "Pipeline", path: "cloud/Pipeline",
            core + [
                "Psychrometrics", "Forecasting", "Evaluation", "Releases", "TrustedReleases", "Watch", "Archive", "Learning", "Runtime", "Signing",
                "HTTPClient", "LoggerFiles",
            ],
            settings: features),
        .target(
            name: "API",
            dependencies: core + [
                "Access", "Forecasting", "Evaluation", "TrustedReleases", "Watch", "Archive", "Pipeline", "HTTPServer", "APIDocuments", "Page",
                "CloudPage", "Runtime",
                "Signing", "LoggerFiles",
            ], path: "cloud/API", resources: [.embedInCode("openapi.json")], swiftSettings: features),
        .executableTarget(
            name: "vaho-cloud",
            dependencies: core + [
                "Access", "Forecasting", "Evaluation", "Releases", "TrustedReleases", "API", "APIDocuments", "Watch", "Archive", "Pipeline",
                "Runtime", "Console", "Signing", "LoggerFiles", "HTTPServer", "HTTPClient",
            ], path: "cloud/vaho-cloud", swiftSettings: features),

        .executableTarget(
            name: "vaho-bench",
            dependencies: [
                "Measures", "Observing", "Forecasting", "Evaluation", "Learning", "Simulation", "Releases", "TrustedReleases", "Signing", "Wire",
                "HTTPClient",
                "Pipeline", "Watch",
            ],
            path: "Benchmarks/vaho-bench", swiftSettings: features),

        .target(
            name: "StoreExamples", dependencies: ["EdgeStore", "Forecasting", "Measures", "Runtime", "SQLite", "Wire"], path: "Tests/StoreExamples",
            swiftSettings: features),
        .target(
            name: "Examples", dependencies: ["Forecasting", "HTTPServer", "Measures", "Runtime", "Text", "Wire"], path: "Tests/Examples",
            swiftSettings: features),
        tests("MeasuresTests", ["Measures"]),
        tests("TextTests", ["Text"]),
        tests("LoggerFilesTests", ["LoggerFiles", "Measures"]),
        tests("BytesTests", ["Bytes"]),
        tests("PsychrometricsTests", ["Measures", "Psychrometrics"]),
        tests("ObservingTests", ["Measures", "Observing"]),
        tests("ForecastingTests", ["Examples", "Measures", "Psychrometrics", "Observing", "Forecasting", "Evaluation"]),
        tests("RandomnessTests", ["Randomness"]),
        tests("EvaluationTests", ["Measures", "Observing", "Forecasting", "Randomness", "Evaluation"]),
        tests("LearningTests", ["Measures", "Observing", "Forecasting", "Randomness", "Learning"]),
        tests("SimulationTests", ["Measures", "Simulation"]),
        tests("ReleasesTests", ["Examples", "Text", "Measures", "Bytes", "Observing", "Forecasting", "Releases", "TrustedReleases", "Signing"]),
        tests("APIDocumentsTests", ["Measures", "Observing", "Forecasting", "Text", "Wire", "APIDocuments"]),
        tests("WireTests", ["Bytes", "Deflate", "Examples", "Measures", "Wire"]),
        tests("RuntimeTests", ["Examples", "Measures", "Runtime"]),
        tests("ConsoleTests", ["Console"]),
        tests("SQLiteTests", ["SQLite"]),
        tests("PostgresTests", ["Postgres"]),
        tests("SigningTests", ["Signing", "Text"]),
        tests("DeflateTests", ["Deflate"]),
        tests("HTTPTests", ["Deflate", "Examples", "HTTPClient", "HTTPServer"]),
        tests(
            "EdgeStoreTests",
            ["Bytes", "Measures", "Observing", "Forecasting", "Runtime", "SQLite", "Wire", "StoreExamples", "EdgeStore"]),
        tests(
            "EdgeDaemonTests",
            [
                "Examples", "StoreExamples", "Measures", "Text", "Psychrometrics", "Observing", "Forecasting", "Releases", "TrustedReleases", "Wire",
                "Runtime",
                "Console", "SQLite", "HTTPClient", "HTTPServer", "Signing", "Sensors", "Simulation", "EdgeStore", "EdgeDaemon",
            ]),
        .target(
            name: "ArchiveExamples", dependencies: ["Archive", "Measures", "Postgres", "Wire"], path: "Tests/ArchiveExamples", swiftSettings: features
        ),
        tests(
            "ArchiveTests", ["Access", "ArchiveExamples", "Examples", "Measures", "Observing", "Runtime", "Wire", "SQLite", "Postgres", "Archive"]),
        tests("AccessTests", ["Access"]),
        tests("WatchTests", ["Examples", "Measures", "Observing", "Randomness", "Watch"]),
        tests(
            "PipelineTests",
            [
                "Examples", "Measures", "Text", "Observing", "Forecasting", "Evaluation", "Releases", "TrustedReleases", "Wire", "Runtime",
                "HTTPClient", "Signing", "Archive", "Randomness", "Watch", "ArchiveExamples", "Pipeline",
            ]),
        tests(
            "APITests",
            [
                "Access", "APIDocuments", "ArchiveExamples", "Examples", "Measures", "Runtime", "Wire", "Releases", "Signing", "HTTPServer",
                "Archive",
                "Pipeline", "Text", "API",
            ]),
        tests(
            "EndToEndTests",
            [
                "Forecasting", "Releases", "TrustedReleases", "Examples", "Measures", "Wire", "HTTPClient", "HTTPServer", "SQLite", "Signing", "Text",
                "EdgeStore", "EdgeDaemon", "API",
                "vaho-edge",
                "vaho-cloud",
                "vaho-bench",
            ]),
        tests("SensorsTests", ["Measures", "Simulation", "Runtime", "Sensors"]),
    ],
    swiftLanguageModes: [.v6]
)
