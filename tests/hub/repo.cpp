// SPDX-License-Identifier: Apache-2.0
// Where a repository's files come from, and which names and links never lead anywhere.
#include "../../hub/repo.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "../../engine/base/bytes.h"
#include "../../engine/base/format.h"
#include "attack_names.h"
#include "expect_error.h"
#include "temporary_folder.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;

namespace fs = std::filesystem;

namespace {

const std::string kCommit = "0123456789abcdef0123456789abcdef01234567";
const std::string kBlob = "89abcdef89abcdef89abcdef89abcdef89abcdef";

// A cache as huggingface_hub leaves it: org/name with main at kCommit, files as links to blobs.
void fill_cache(const TemporaryFolder& folder) {
  const std::string repo = "cache/models--org--name";
  folder.write(repo + "/blobs/" + kBlob, "{\"model_type\":\"bert\"}");
  folder.write(repo + "/refs/main", kCommit);
  folder.write(repo + "/refs/refs/pr/1", kCommit + "\n");
  folder.link("../../blobs/" + kBlob, repo + "/snapshots/" + kCommit + "/config.json");
  folder.link("../../../blobs/" + kBlob, repo + "/snapshots/" + kCommit + "/1_Pooling/config.json");
  folder.write(repo + "/snapshots/" + kCommit + "/copied.txt", "a copy where links fail");
  folder.write("secret", "outside");
}

RepoOptions in_cache(const TemporaryFolder& folder) {
  return {.cache_dir = (folder / "cache").string()};
}

}  // namespace

TEST_CASE("a folder is a repository") {
  const TemporaryFolder folder;
  folder.write("model/config.json", "{}");
  folder.write("model/1_Pooling/config.json", "pooling");
  folder.write("model/.git/HEAD", "x");
  folder.write("model/.cache/huggingface/x", "x");
  const std::string path = (folder / "model").string();
  for (const std::string& given : {path, path + "/"}) {
    const Repo repo = Repo::open(given);
    CHECK(repo.name() == given);
    CHECK(repo.exists("config.json"));
    CHECK(!repo.exists("absent"));
    CHECK(!repo.exists("1_Pooling"));
    CHECK(repo.read("1_Pooling/config.json") == "pooling");
    CHECK(repo.read_if_exists("config.json") == "{}");
    CHECK(!repo.read_if_exists("absent"));
    CHECK(repo.path("config.json") == path + "/config.json");
    CHECK(repo.size("1_Pooling/config.json") == 7);
    CHECK(repo.map("config.json")->size() == 2);
    CHECK(repo.list() == std::vector<std::string>{"1_Pooling/config.json", "config.json"});
  }
  CHECK(Repo::open(path, {.subfolder = "1_Pooling"}).read("config.json") == "pooling");
  expect_error([&] { Repo::open(path, {.subfolder = "absent"}); }, ErrorCode::not_found, "absent");
}

TEST_CASE("a missing file's error names the place and what is there") {
  const TemporaryFolder folder;
  for (int i = 0; i < 10; ++i) folder.write(cat("file", i), "x");
  const Repo repo = Repo::open(folder.string());
  const auto check = [&](auto call) {
    expect_error(call, ErrorCode::not_found, folder.string() + "/config.json");
    expect_error(call, ErrorCode::not_found, "file0, file1");
    expect_error(call, ErrorCode::not_found, "and 2 more");
  };
  check([&] { repo.read("config.json"); });
  check([&] { repo.map("config.json"); });
  check([&] { repo.size("config.json"); });
  fs::create_directory(folder / "empty");
  expect_error([&] { Repo::open((folder / "empty").string()).read("a"); }, ErrorCode::not_found,
               "there is: nothing");
}

TEST_CASE("files in memory are a repository") {
  const std::string text = "{}";
  const auto storage = borrowed_storage(as_bytes(text).data(), text.size());
  const Repo repo = Repo::from_memory({{"config.json", storage}, {"a/b", storage}}, "mine");
  CHECK(repo.name() == "mine");
  CHECK(repo.exists("a/b"));
  CHECK(!repo.exists("b"));
  CHECK(repo.read("config.json") == "{}");
  CHECK(repo.map("config.json")->data() == storage->data());
  CHECK(repo.size("a/b") == 2);
  CHECK(repo.path("a/b") == "a/b");
  CHECK(repo.list() == std::vector<std::string>{"a/b", "config.json"});
  expect_error([&] { repo.read("x"); }, ErrorCode::not_found, "'mine': there is no file x");
  expect_error([&] { Repo::from_memory({{"../x", storage}}); }, ErrorCode::denied, "'../x'");
  expect_error([&] { Repo::from_memory({{"x", StorageRef()}}); }, ErrorCode::invalid_argument, "'x'");
}

TEST_CASE("the cache is read by branch, pull request and commit") {
  const TemporaryFolder folder;
  fill_cache(folder);
  for (const std::string& revision : {std::string("main"), std::string("refs/pr/1"), kCommit}) {
    CAPTURE(revision);
    RepoOptions options = in_cache(folder);
    options.revision = revision;
    const Repo repo = Repo::open("org/name", options);
    CHECK(repo.read("config.json") == "{\"model_type\":\"bert\"}");
    CHECK(repo.read("1_Pooling/config.json") == repo.read("config.json"));
    CHECK(repo.read("copied.txt") == "a copy where links fail");
    CHECK(repo.map("config.json")->size() == 21);
    CHECK(repo.list() ==
          std::vector<std::string>{"1_Pooling/config.json", "config.json", "copied.txt"});
    options.subfolder = "1_Pooling";
    CHECK(Repo::open("org/name", options).exists("config.json"));
  }
}

TEST_CASE("a cache behind links of the user's own is read") {
  const TemporaryFolder folder;
  fill_cache(folder);
  folder.link("cache", "linked");
  fs::create_directories(folder / "other");
  folder.link((folder / "cache/models--org--name").string(), "other/models--org--name");
  for (const std::string cache : {"linked", "other"}) {
    CAPTURE(cache);
    const Repo repo = Repo::open("org/name", {.cache_dir = (folder / cache).string()});
    CHECK(repo.read("config.json").size() == 21);
  }
}

TEST_CASE("what is not in the cache is not found, and the error says what to do") {
  const TemporaryFolder folder;
  fill_cache(folder);
  const auto open = [&](const std::string& id, const std::string& revision) {
    RepoOptions options = in_cache(folder);
    options.revision = revision;
    Repo::open(id, options);
  };
  const ErrorCode missing = ErrorCode::not_found;
  const std::string cache = (folder / "cache").string();
  expect_error([&] { open("org/other", "main"); }, missing, cache + "/models--org--other/refs/main");
  expect_error([&] { open("org/other", "main"); }, missing, "HF_HUB_CACHE=");
  expect_error([&] { open("gpt2", "main"); }, missing, cache + "/models--gpt2/refs/main");
  expect_error([&] { open("org/name", "v2"); }, missing, "revision 'v2' is not in the hub cache");
  expect_error([&] { open("org/name", "refs"); }, missing, "refs/refs");
  expect_error([&] { open("org/name", std::string(40, 'a')); }, missing, "commit aaaa");
  expect_error([&] { open("./missing", "main"); }, missing, "no such folder");
  expect_error([&] { open("/missing/folder", "main"); }, missing, "no such folder");
  expect_error([&] { open("a/b/c", "main"); }, missing, "more than one '/'");
}

TEST_CASE("a repository id that the hub would refuse is refused") {
  const TemporaryFolder folder;
  const ErrorCode invalid = ErrorCode::invalid_argument;
  for (const std::string id :
       {"a b", "-a", "a-", ".a", "a.", "org/-a", "org./a", "a--b", "a..b", "org/a--b", "a.git",
        "org/a.git", "h\xC3\xA9", "a:b", "a?b", "a@b", "org/a%2e"}) {
    CAPTURE(id);
    expect_error([&] { Repo::open(id, in_cache(folder)); }, invalid, "it is no repository id");
  }
  expect_error([&] { Repo::open(std::string(97, 'a'), in_cache(folder)); }, invalid, "longer than 96");
  for (const std::string id : {"a", "_a", "A1.b-c_d", "org/a.b", "0/0"}) {
    CAPTURE(id);
    expect_error([&] { Repo::open(id, in_cache(folder)); }, ErrorCode::not_found, "models--");
  }
}

TEST_CASE("no name leads outside, wherever it is given") {
  const TemporaryFolder folder;
  fill_cache(folder);
  folder.write("local/config.json", "{}");
  const std::string text = "{}";
  const auto storage = borrowed_storage(as_bytes(text).data(), text.size());
  const Repo repos[] = {Repo::open("org/name", in_cache(folder)),
                        Repo::open((folder / "local").string()),
                        Repo::from_memory({{"config.json", storage}})};
  const ErrorCode denied = ErrorCode::denied;
  RecordingEnv recorder;
  for (const std::string& name : attack_names()) {
    CAPTURE(name);
    CHECK(!safe_relative_path(name));
    for (const Repo& repo : repos) {
      expect_error([&] { repo.exists(name); }, denied, "the file name");
      expect_error([&] { repo.read(name); }, denied, "the file name");
      expect_error([&] { repo.read_if_exists(name); }, denied, "the file name");
      expect_error([&] { repo.map(name); }, denied, "the file name");
      expect_error([&] { repo.size(name); }, denied, "the file name");
      expect_error([&] { repo.path(name); }, denied, "the file name");
    }
    RepoOptions options = in_cache(folder);
    options.revision = name;
    expect_error([&] { Repo::open("org/name", options); }, denied, "the revision");
    if (name.empty()) continue;
    options = in_cache(folder);
    options.subfolder = name;
    expect_error([&] { Repo::open("org/name", options); }, denied, "the subfolder");
    expect_error([&] { Repo::open((folder / "local").string(), options); }, denied, "the subfolder");
  }
  CHECK(recorder.opened_outside((folder / "cache").string()) == false);
}

TEST_CASE("a hostile repository id opens nothing") {
  const TemporaryFolder folder;
  fill_cache(folder);
  RecordingEnv recorder;
  for (const std::string& name : attack_names()) {
    // A name may by chance be a folder of this machine: that is the user's own choice of a path.
    if (name.find('\0') == std::string::npos && !name.empty() && name.size() < 250 &&
        fs::is_directory(name)) {
      continue;
    }
    CAPTURE(name);
    try {
      Repo::open(name, in_cache(folder));
      FAIL_CHECK("opened");
    } catch (const Error& error) {
      const bool climbs = name.find('\0') != std::string::npos || name.find('\\') != std::string::npos;
      CAPTURE(std::string(error.what()));
      if (climbs) CHECK(error.code() == ErrorCode::denied);
      const bool refused = error.code() == ErrorCode::denied ||
                           error.code() == ErrorCode::not_found ||
                           error.code() == ErrorCode::invalid_argument;
      CHECK(refused);
    }
  }
  CHECK(recorder.opened.empty());
}

TEST_CASE("a ref that holds no commit is not followed") {
  const TemporaryFolder folder;
  fill_cache(folder);
  const auto open_with = [&](std::string_view content) {
    folder.write("cache/models--org--name/refs/main", content);
    Repo::open("org/name", in_cache(folder));
  };
  for (const std::string& name : attack_names()) {
    CAPTURE(name);
    if (name.empty()) continue;
    expect_error([&] { open_with(name); }, ErrorCode::denied, "instead of the 40 hexadecimal digits");
  }
  expect_error([&] { open_with(""); }, ErrorCode::corrupt, "refs/main holds ''");
  expect_error([&] { open_with(kCommit.substr(1)); }, ErrorCode::corrupt, "delete it");
  expect_error([&] { open_with(kCommit + "0"); }, ErrorCode::corrupt, "delete it");
  expect_error([&] { open_with(kCommit.substr(1) + "G"); }, ErrorCode::denied, "delete it");
  expect_error([&] { open_with("0123456789ABCDEF0123456789ABCDEF01234567"); }, ErrorCode::denied, "");
  expect_error([&] { open_with(std::string(5000, '0')); }, ErrorCode::invalid_argument, "larger");
}

TEST_CASE("links in the cache that leave the repository are denied") {
  const TemporaryFolder folder;
  fill_cache(folder);
  const std::string repo_folder = "cache/models--org--name";
  const std::string snapshot = repo_folder + "/snapshots/" + kCommit + "/";
  folder.link("../../../../secret", snapshot + "relative");
  folder.link((folder / "secret").string(), snapshot + "absolute");
  folder.link("absolute", snapshot + "chain");
  folder.write("cache/models--org--other/blobs/x", "another repository");
  folder.link("../../../models--org--other/blobs/x", snapshot + "neighbour");
  folder.write("cache/models--org--name-longer/x", "a prefix is not a parent");
  folder.link("../../../models--org--name-longer/x", snapshot + "prefix");
  folder.link("../../../..", snapshot + "folder");
  folder.link("../../blobs/absent", snapshot + "dangling");
  const Repo repo = Repo::open("org/name", in_cache(folder));
  RecordingEnv recorder;
  for (const std::string name :
       {"relative", "absolute", "chain", "neighbour", "prefix", "folder/secret"}) {
    CAPTURE(name);
    const ErrorCode denied = ErrorCode::denied;
    expect_error([&] { repo.exists(name); }, denied, "outside");
    expect_error([&] { repo.read(name); }, denied, "outside");
    expect_error([&] { repo.map(name); }, denied, "outside");
    expect_error([&] { repo.size(name); }, denied, "outside");
  }
  expect_error([&] { repo.list(); }, ErrorCode::denied, "folder leads to");
  CHECK(!repo.exists("dangling"));
  folder.link("loop", snapshot + "loop");
  expect_error([&] { repo.exists("loop"); }, ErrorCode::io, "loop: cannot look it up");
  RepoOptions options = in_cache(folder);
  options.subfolder = "folder";
  expect_error([&] { Repo::open("org/name", options); }, ErrorCode::denied, "outside");
  CHECK(!recorder.opened_outside((folder / repo_folder).string()));
}

TEST_CASE("refs and snapshots that are links to elsewhere are denied") {
  const TemporaryFolder folder;
  fill_cache(folder);
  folder.write("elsewhere/config.json", "{}");
  folder.write("commit", kCommit);
  folder.link((folder / "elsewhere").string(),
              "cache/models--org--name/snapshots/" + std::string(40, 'a'));
  folder.link((folder / "commit").string(), "cache/models--org--name/refs/linked");
  RecordingEnv recorder;
  RepoOptions options = in_cache(folder);
  options.revision = std::string(40, 'a');
  expect_error([&] { Repo::open("org/name", options); }, ErrorCode::denied, "outside");
  options.revision = "linked";
  expect_error([&] { Repo::open("org/name", options); }, ErrorCode::denied, "outside");
  CHECK(recorder.opened.empty());
}

TEST_CASE("links in a folder of the user's own are followed") {
  const TemporaryFolder folder;
  folder.write("weights/model.safetensors", "weights");
  folder.link("../weights/model.safetensors", "model/model.safetensors");
  CHECK(Repo::open((folder / "model").string()).read("model.safetensors") == "weights");
}

TEST_CASE("a pipe or a folder in place of a file is not there") {
  const TemporaryFolder folder;
  fs::create_directory(folder / "config.json");
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  folder.write("file", "x");
  const Repo repo = Repo::open(folder.string());
  CHECK(!repo.exists("config.json"));
  CHECK(!repo.exists("pipe"));
  expect_error([&] { repo.read("pipe"); }, ErrorCode::not_found, "there is: file");
  expect_error([&] { repo.map("pipe"); }, ErrorCode::not_found, "there is: file");
  CHECK(repo.list() == std::vector<std::string>{"file"});
}

TEST_CASE("listing ends in a folder that contains itself or too much") {
  const TemporaryFolder folder;
  folder.write("a/b/file", "x");
  folder.link("..", "a/b/up");
  folder.link(".", "self");
  CHECK(Repo::open(folder.string()).list() == std::vector<std::string>{"a/b/file"});
  const TemporaryFolder deep;
  std::string path = "file";
  for (int i = 0; i < 20; ++i) path = "d/" + path;
  deep.write(path, "x");
  expect_error([&] { Repo::open(deep.string()).list(); }, ErrorCode::invalid_argument,
               "is it a model's folder?");
  expect_error([&] { Repo::open(deep.string()).read("absent"); }, ErrorCode::not_found, "absent");
}

TEST_CASE("the cache folder follows the hub's variables in their order") {
  RecordingEnv recorder;
  expect_error([] { hub_cache_dir(); }, ErrorCode::not_found, "HOME");
  recorder.variables["HOME"] = "/home/me";
  CHECK(hub_cache_dir() == "/home/me/.cache/huggingface/hub");
  recorder.variables["XDG_CACHE_HOME"] = "/xdg";
  CHECK(hub_cache_dir() == "/xdg/huggingface/hub");
  recorder.variables["HF_HOME"] = "~/hf";
  CHECK(hub_cache_dir() == "/home/me/hf/hub");
  recorder.variables["HUGGINGFACE_HUB_CACHE"] = "/old";
  CHECK(hub_cache_dir() == "/old");
  recorder.variables["HF_HUB_CACHE"] = "/new";
  CHECK(hub_cache_dir() == "/new");
  recorder.variables["HF_HUB_CACHE"] = "";
  CHECK(hub_cache_dir() == "/old");
}

TEST_CASE("the cache is found through the environment") {
  const TemporaryFolder folder;
  fill_cache(folder);
  RecordingEnv recorder;
  recorder.variables["HF_HUB_CACHE"] = (folder / "cache").string();
  CHECK(Repo::open("org/name").read("config.json").size() == 21);
}

TEST_CASE("plain relative paths are safe") {
  for (const std::string name :
       {"a", "a/b", "1_Pooling/config.json", "...", ".gitattributes", "a..b", "..a", "a b", "é", "a:b"}) {
    CAPTURE(name);
    CHECK(safe_relative_path(name));
  }
  CHECK(safe_relative_path(std::string(255, 'x')));
}
