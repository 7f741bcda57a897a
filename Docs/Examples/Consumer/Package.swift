// swift-tools-version: 6.2
import PackageDescription

// A package of its own that uses qpeft by a version tag. `Docs/Examples/build.sh` makes such a tag in a clone and names it here;
// in a package of yours the address stands in the place of `repository`.
let repository = Context.environment["QPEFT_REPOSITORY"] ?? "../qpeft"

let package = Package(
  name: "Consumer",
  dependencies: [.package(url: repository, from: "0.0.1")],
  targets: [
    .executableTarget(name: "Consumer", dependencies: [.product(name: "QPEFT", package: "qpeft")])
  ]
)
