/// The OpenAPI document that is served at `/openapi.json`.
enum OpenAPI {
    static var document: [UInt8] { PackageResources.openapi_json }
}
