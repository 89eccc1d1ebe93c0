/// The API's own description, as served at `/openapi.json`.
enum OpenAPI {
    static var document: [UInt8] { PackageResources.openapi_json }
}
