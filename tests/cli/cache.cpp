// SPDX-License-Identifier: Apache-2.0
// cache and pull on a cache folder that was made by hand.
#include <doctest/doctest.h>

#include <filesystem>

#include "../../hub/formats/json.h"
#include "program.h"

using namespace tern::test;
using ::tern::hub::Json;

namespace {

const std::string kCommit(40, 'c');
// SHA-256 of "abc".
const std::string kHash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// One model with one file; the path of its blob.
std::string make_cache(const TemporaryFolder& folder) {
  namespace fs = std::filesystem;
  const std::string repo = folder / "cache/models--org--name";
  for (const char* part : {"/blobs", "/refs"}) fs::create_directories(repo + part);
  fs::create_directories(repo + "/snapshots/" + kCommit);
  fs::create_symlink("../../blobs/" + kHash, repo + "/snapshots/" + kCommit + "/config.json");
  folder.write("cache/models--org--name/refs/main", kCommit);
  return folder.write("cache/models--org--name/blobs/" + kHash, "abc");
}

}  // namespace

TEST_CASE("cache ls lists a model, verify finds its torn file with exit code 4, rm takes it out") {
  const TemporaryFolder folder;
  const std::string blob = make_cache(folder);
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "cache");
    arguments.insert(arguments.end(), {"--cache-dir", folder / "cache"});
    return run_tern(arguments);
  };
  const Outcome list = run({"ls"});
  CHECK(list.exit_code == 0);
  CHECK(list.out.starts_with("org/name  "));
  CHECK(list.out.ends_with("  cccccccc main\n"));
  const Json row = Json::parse(run({"ls", "--json"}).out, "row");
  CHECK(row["model"].string() == "org/name");
  CHECK(row["bytes"].integer() == 3);
  CHECK(row["revisions"].elements()[0]["refs"].elements()[0].string() == "main");

  const Outcome good = run({"verify"});
  CHECK(good.exit_code == 0);
  CHECK(good.out.find("all as they should be") != std::string::npos);
  folder.write("cache/models--org--name/blobs/" + kHash, "abd");
  const Outcome bad = run({"verify", "org/name"});
  CHECK(bad.exit_code == 4);
  CHECK(bad.out.find("1 wrong\n  " + blob) != std::string::npos);

  CHECK(run({"verify", "org/other"}).err.find("org/other: not in the cache") != std::string::npos);
  CHECK(run({"rm"}).err.find("which MODEL?") != std::string::npos);
  CHECK(run({"rm", "org/name", "--revision", "v1"}).err.find("no revision") != std::string::npos);
  CHECK(exists(blob));
  CHECK(run({"rm", "org/name", "--revision", "main"}).exit_code == 0);
  CHECK(!exists(blob));
  CHECK(run({"rm", "org/name"}).out == "org/name: removed, 0 B free\n");
  CHECK(run({"ls"}).out.empty());
}

TEST_CASE(
    "cache ls also lists packed weights that were kept, prune removes them and nothing else") {
  const TemporaryFolder folder;
  const std::string blob = make_cache(folder);
  std::filesystem::create_directories(folder / "tern/packed");
  const std::string kept = folder.write("tern/packed/" + kHash + ".safetensors", "abcd");
  const std::string note = folder.write("tern/packed/1-2.sha256", "x");
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "cache");
    arguments.insert(arguments.end(), {"--cache-dir", folder / "cache"});
    return run_tern(arguments,
                    {.variables = {"TERN_PACKED_CACHE=", "TERN_CACHE=" + (folder / "tern")}});
  };
  CHECK(lines_of(run({"ls"}).out).at(1) == kept + "  4 B");
  const Json row = Json::parse(lines_of(run({"ls", "--json"}).out).at(1), "row");
  CHECK(row["packed"].string() == kept);
  CHECK(row["bytes"].integer() == 4);
  CHECK(lines_of(run({"ls", "org/name"}).out).size() == 1);
  CHECK(run({"prune", "org/name"}).exit_code != 0);
  CHECK(exists(kept));
  CHECK(run({"prune"}).out == folder / "tern/packed" + ": 4 B free\n");
  CHECK(!exists(kept));
  CHECK(exists(note));
  CHECK(exists(blob));
}

TEST_CASE("pull leaves the network alone where HF_HUB_OFFLINE is set") {
  const TemporaryFolder folder;
  const Outcome outcome = run_tern({"pull", "org/name", "--cache-dir", folder / "cache"},
                                   {.variables = {"HF_HUB_OFFLINE=1"}});
  CHECK(outcome.exit_code != 0);
  CHECK(outcome.out.empty());
  CHECK(outcome.err.find("HF_HUB_OFFLINE is set") != std::string::npos);
  CHECK(!exists(folder / "cache"));
}
