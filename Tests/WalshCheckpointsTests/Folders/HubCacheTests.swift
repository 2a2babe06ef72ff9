import Foundation
import TestSupport
import Testing

@testable import WalshCheckpoints

@Suite("The hub cache")
struct HubCacheTests {
  private func cache(_ home: URL) throws -> HubCache {
    let model = home.appending(path: "hub/models--org--name")
    let snapshot = model.appending(path: "snapshots/0123abcd")
    try FileManager.default.createDirectory(at: snapshot, withIntermediateDirectories: true)
    try FileManager.default.createDirectory(at: model.appending(path: "refs"), withIntermediateDirectories: true)
    try Data("0123abcd\n".utf8).write(to: model.appending(path: "refs/main"))
    return HubCache(environment: ["HF_HOME": home.path(percentEncoded: false)])
  }

  @Test("The environment says where it is, the nearer variable first")
  func root() {
    func root(_ environment: [String: String]) -> String {
      let path = HubCache(environment: environment).root.path(percentEncoded: false)
      return path.hasSuffix("/") ? String(path.dropLast()) : path
    }
    #expect(root(["HF_HUB_CACHE": "/a/b", "HF_HOME": "/c"]) == "/a/b")
    #expect(root(["HF_HOME": "/c", "XDG_CACHE_HOME": "/d"]) == "/c/hub")
    #expect(root(["HF_HUB_CACHE": "", "XDG_CACHE_HOME": "/d"]) == "/d/huggingface/hub")
    #expect(root(["HOME": "/home/x"]) == "/home/x/.cache/huggingface/hub")
    #expect(root(["HOME": "/home/x", "HF_HOME": "~/models"]) == "/home/x/models/hub")
  }

  @Test("A downloaded model is found by branch and by commit")
  func found() throws {
    try withTemporaryFolder { home in
      let cache = try cache(home)
      #expect(try cache.snapshot(of: "org/name").lastPathComponent == "0123abcd")
      #expect(try cache.snapshot(of: "org/name", revision: "0123abcd").lastPathComponent == "0123abcd")
      #expect(try cache.folder(for: "org/name").lastPathComponent == "0123abcd")
      #expect(try cache.folder(for: home.path(percentEncoded: false)).path == home.path)
    }
  }

  @Test("A model that is not there: where it looked, and how to download it")
  func absent() throws {
    try withTemporaryFolder { home in
      let cache = try cache(home)
      let error = #expect(throws: CheckpointError.self) { try cache.folder(for: "org/other") }
      #expect(error?.subject == "org/other")
      #expect(error?.cause.contains(cache.root.path(percentEncoded: false)) == true)
      #expect(error?.cause.contains("hf download org/other") == true)
      let revision = #expect(throws: CheckpointError.self) { try cache.snapshot(of: "org/name", revision: "v2") }
      #expect(revision?.cause.contains("hf download org/name --revision v2") == true)
    }
  }

  @Test(
    "What is no model id leads nowhere",
    arguments: ["", "/", "../..", "org/..", "a/b/c", "/etc", ".hidden/x", "org/na me", "org/", "-x/y", "org/a\u{0}"])
  func noID(text: String) throws {
    #expect(!HubCache.isModelID(text))
    try withTemporaryFolder { home in
      let error = #expect(throws: CheckpointError.self) { try cache(home).snapshot(of: text) }
      #expect(error?.cause.contains("neither a folder nor a model id") == true)
    }
  }

  @Test("References that point outside the cache are refused")
  func hostileReference() throws {
    try withTemporaryFolder { home in
      let cache = try cache(home)
      try Data("../../../..".utf8).write(to: home.appending(path: "hub/models--org--name/refs/main"))
      #expect(throws: CheckpointError.self) { try cache.snapshot(of: "org/name") }
      #expect(throws: CheckpointError.self) { try cache.snapshot(of: "org/name", revision: "../../..") }
    }
  }
}
