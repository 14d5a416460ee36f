// SPDX-License-Identifier: Apache-2.0
// Servers that name files, hashes and commits that would lead elsewhere, and caches in which
// somebody has planted something: nothing is opened or written outside the model's folder.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "../../hub/cache_list.h"
#include "../../hub/formats/json.h"
#include "attack_names.h"
#include "scene.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;

namespace fs = std::filesystem;

namespace {

constexpr size_t kSize = 10'000;

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

}  // namespace

TEST_CASE("file names, hashes and commits that lead elsewhere are denied") {
  for (const std::string& name : attack_names()) {
    CAPTURE(name);
    const std::string quoted = json_quote(name);
    for (const char* place : {"\"model.safetensors\"", "hash", "commit"}) {
      CAPTURE(place);
      Scene scene(kSize);
      const std::string hash = scene.hub.models[kModel].files["model.safetensors"].hash();
      scene.hub.tamper = [&](const HubRequest& request, HubReply& reply) {
        if (!request.target.starts_with("/api/models/")) return;
        const std::string where(place);
        replace_all(reply.body,
                    where == "hash"     ? "\"" + hash + "\""
                    : where == "commit" ? "\"" + scene.hub.models[kModel].commit + "\""
                                        : where,
                    quoted);
      };
      expect_error([] { download(kModel, {}, {"*"}); }, ErrorCode::denied, "org/name: the hub");
      scene.opened_inside();
      CHECK(!fs::exists(scene.folder / "cache/models--org--name/snapshots"));
    }
  }
}

TEST_CASE("an ETag or a commit in a header that is none is denied") {
  for (const std::string& name : attack_names()) {
    if (name.find_first_of(std::string("\0\r\n", 3)) != std::string::npos) continue;
    CAPTURE(name);
    Scene scene(kSize);
    scene.hub.lists_hashes = false;
    scene.hub.tamper = [&](const HubRequest& request, HubReply& reply) {
      if (request.method == "HEAD") reply.set("X-Linked-Etag: \"" + name + "\"");
    };
    expect_error([] { download(kModel, {}); }, ErrorCode::denied, "which no file of the hub has");
    scene.hub.tamper = [&](const HubRequest& request, HubReply& reply) {
      if (request.method == "GET" && !request.target.starts_with("/api/models/") &&
          !request.content_server && !name.empty()) {
        reply.set("X-Repo-Commit: " + name);
      }
    };
    if (!name.empty()) {
      expect_error([] { download(kModel, {}); }, ErrorCode::corrupt, "it comes from commit");
    }
    scene.opened_inside();
    check_cache(scene.folder / "cache");
  }
}

TEST_CASE("ids, revisions and subfolders that lead elsewhere are refused before any request") {
  Scene scene(kSize);
  for (const std::string& name : attack_names()) {
    CAPTURE(name);
    for (const int place : {0, 1, 2}) {
      if (name.empty()) continue;
      try {
        download(place == 0 ? name : kModel,
                 {.revision = place == 1 ? name : "main", .subfolder = place == 2 ? name : ""});
        FAIL_CHECK("accepted");
      } catch (const Error& error) {
        const bool refused =
            error.code() == ErrorCode::denied || error.code() == ErrorCode::invalid_argument;
        CHECK(refused);
      }
    }
  }
  CHECK(scene.hub.requests().empty());
}

TEST_CASE("folders of the cache that are swapped for links all the time lead nothing out or in") {
  Scene scene(kSize);
  const std::string repo = (scene.folder / "cache/models--org--name").string();
  download(kModel, {});
  scene.folder.write("elsewhere/config.json", "planted");
  for (const char* name : {"blobs", "snapshots"}) {
    CAPTURE(name);
    const std::string real = cat(repo, "/", name), link = real + ".link";
    fs::create_directory_symlink(scene.folder / "elsewhere", link);
    std::atomic<bool> stop = false;
    std::thread attacker([&] {
      while (!stop) {
        ::syscall(SYS_renameat2, AT_FDCWD, real.c_str(), AT_FDCWD, link.c_str(), 2 /* exchange */);
      }
    });
    for (int i = 0; i < 500; ++i) {
      std::string config = "{\"model_type\":\"bert\"}";
      try {
        download(kModel, {.force_download = i % 2 == 0});
        config = Repo::open(kModel, {.local_files_only = true}).read("config.json");
      } catch (const Error&) {
      }
      CHECK(config == "{\"model_type\":\"bert\"}");
    }
    stop = true;
    attacker.join();
    CHECK(tree(scene.folder / "elsewhere") ==
          std::map<std::string, std::string>{{"config.json", "planted"}});
    fs::remove(fs::is_symlink(link) ? link : real);
    if (!fs::exists(real)) fs::rename(link, real);
  }
}

TEST_CASE("nothing is written through what is planted in the cache") {
  const std::string repo = "cache/models--org--name";
  const std::string commit = "0123456789abcdef0123456789abcdef01234567";
  for (const std::string planted : {"blobs", "snapshots", "refs"}) {
    for (const bool file : {false, true}) {
      CAPTURE(planted);
      CAPTURE(file);
      Scene scene(kSize);
      scene.folder.write("elsewhere/x", "x");
      scene.folder.write(repo + "/y", "y");
      if (file) {
        scene.folder.write(repo + "/" + planted, "a file");
      } else {
        scene.folder.link((scene.folder / "elsewhere").string(), repo + "/" + planted);
      }
      expect_error([] { download(kModel, {}); }, ErrorCode::denied, "remove it");
      CHECK(tree(scene.folder / "elsewhere").size() == 1);
    }
  }
  Scene scene(kSize);
  const std::string hash = scene.hub.models[kModel].files["config.json"].hash();
  scene.folder.write("elsewhere/x", "x");
  SUBCASE("a snapshot that is a link") {
    scene.folder.link((scene.folder / "elsewhere").string(), repo + "/snapshots/" + commit);
    expect_error([] { download(kModel, {}); }, ErrorCode::denied, "remove it");
  }
  SUBCASE("a blob that is a link") {
    scene.folder.link((scene.folder / "elsewhere/x").string(), repo + "/blobs/" + hash);
    expect_error([] { download(kModel, {}); }, ErrorCode::denied, "is no regular file");
  }
  SUBCASE("a blob that is a pipe") {
    fs::create_directories(scene.folder / (repo + "/blobs"));
    REQUIRE(mkfifo((scene.folder / (repo + "/blobs/" + hash)).c_str(), 0600) == 0);
    expect_error([] { download(kModel, {}); }, ErrorCode::denied, "is no regular file");
  }
  SUBCASE("a partial file that is a link") {
    scene.folder.link((scene.folder / "elsewhere/x").string(),
                      repo + "/blobs/" + hash + ".0.00000000.incomplete");
    download(kModel, {});
  }
  SUBCASE("a lock that is a link") {
    scene.folder.link((scene.folder / "elsewhere/lock").string(),
                      "cache/.locks/models--org--name/" + hash + ".lock");
    expect_error([] { download(kModel, {}); }, ErrorCode::io, "cannot open");
  }
  SUBCASE("a file of a snapshot that links elsewhere is replaced") {
    scene.folder.link((scene.folder / "elsewhere/x").string(),
                      repo + "/snapshots/" + commit + "/config.json");
    download(kModel, {});
    CHECK(check_cache(scene.folder / "cache"));
  }
  SUBCASE("a folder where a file belongs") {
    fs::create_directories(scene.folder / (repo + "/snapshots/" + commit + "/config.json/z"));
    expect_error([] { download(kModel, {}); }, ErrorCode::denied,
                 "is a folder where a file belongs");
  }
  SUBCASE("a folder of a snapshot that is a link") {
    scene.hub.models[kModel].files["sub/config.json"] = {.content = "{}"};
    scene.folder.link((scene.folder / "elsewhere").string(),
                      repo + "/snapshots/" + commit + "/sub");
    expect_error([] { download(kModel, {}, {"sub/config.json"}); }, ErrorCode::denied, "remove it");
  }
  SUBCASE("a partial file and a blob that share their bytes with others") {
    fs::create_directories(scene.folder / (repo + "/blobs"));
    for (const std::string& name : {hash, hash + ".0.00000000.incomplete"}) {
      fs::create_hard_link(scene.folder / "elsewhere/x", scene.folder / (repo + "/blobs/" + name));
    }
    download(kModel, {});
    CHECK(tree(scene.folder / "cache").at(repo.substr(6) + "/blobs/" + hash) ==
          scene.hub.models[kModel].files["config.json"].content);
  }
  SUBCASE("pipes in place of a ref, a lock, a partial file and a file of a snapshot") {
    for (const std::string& name :
         {repo + "/refs/main", "cache/.locks/models--org--name/" + hash + ".lock",
          repo + "/blobs/" + hash + ".0.00000000.incomplete",
          repo + "/snapshots/" + commit + "/config.json"}) {
      fs::create_directories((scene.folder / name).parent_path());
      REQUIRE(mkfifo((scene.folder / name).c_str(), 0600) == 0);
    }
    download(kModel, {});
    CHECK(tree(scene.folder / "cache").at(repo.substr(6) + "/refs/main") == commit);
  }
  SUBCASE("refs that lead elsewhere, by their text and by a link") {
    scene.folder.write(repo + "/refs/main", "../../../elsewhere");
    expect_error([] { Repo::open(kModel, {.local_files_only = true}); }, ErrorCode::denied,
                 "instead of the 40");
    fs::remove(scene.folder / (repo + "/refs/main"));
    scene.folder.link((scene.folder / "elsewhere/x").string(), repo + "/refs/main");
    download(kModel, {});
    CHECK(tree(scene.folder / "cache").at(repo.substr(6) + "/refs/main") == commit);
  }
  SUBCASE("folders in place of a ref and a lock") {
    const std::string lock = "cache/.locks/models--org--name/" + hash + ".lock";
    fs::create_directories(scene.folder / lock);
    expect_error([] { download(kModel, {}); }, ErrorCode::invalid_argument, ".lock");
    fs::remove(scene.folder / lock);
    fs::create_directories(scene.folder / (repo + "/refs/main"));
    expect_error([] { download(kModel, {}); }, ErrorCode::denied, "remove it");
  }
  SUBCASE("a blob of another size is fetched again") {
    scene.folder.write(repo + "/blobs/" + hash, "torn");
    download(kModel, {});
    CHECK(check_cache(scene.folder / "cache"));
  }
  CHECK(tree(scene.folder / "elsewhere") == std::map<std::string, std::string>{{"x", "x"}});
}

TEST_CASE("a link to a look-alike of a blob is replaced, not read") {
  Scene scene(kSize);
  scene.hub.models[kModel].files["modules.json"] = {.content = "[]"};
  download(kModel, {});
  const std::string hash = scene.hub.models[kModel].files["modules.json"].hash();
  const std::string name = "cache/" + kSnapshot + "modules.json";
  scene.folder.write("elsewhere/blobs/" + hash, R"([{"path":"x"}])");
  fs::remove(scene.folder / name);
  scene.folder.link((scene.folder / ("elsewhere/blobs/" + hash)).string(), name);
  download(kModel, {});
  scene.opened_inside();
  CHECK(check_cache(scene.folder / "cache"));
}

TEST_CASE("a commit in the cache whose index leads elsewhere is denied and not read") {
  Scene scene(kSize);
  download(kModel, {});
  scene.folder.write("elsewhere/index", R"({"weight_map":{"x":"config.json"}})");
  fs::remove(scene.folder / ("cache/" + kSnapshot + "model.safetensors"));
  scene.folder.link((scene.folder / "elsewhere/index").string(),
                    "cache/" + kSnapshot + "model.safetensors.index.json");
  const std::string commit = scene.hub.models[kModel].commit;
  expect_error([&] { Repo::open(kModel, {.revision = commit}); }, ErrorCode::denied, "outside");
  scene.opened_inside();
}

TEST_CASE("a ref that holds no commit hinders neither the list nor a download") {
  Scene scene(kSize);
  const std::string ref = "cache/models--org--name/refs/main";
  for (const size_t size : {size_t{0}, size_t{7}, size_t{100'000}}) {
    scene.folder.write(ref, std::string(size, 'a'));
    REQUIRE(list_cache((scene.folder / "cache").string()).size() == 1);
    download(kModel, {});
    CHECK(tree(scene.folder / "cache").at(ref.substr(6)) == scene.hub.models[kModel].commit);
  }
}

TEST_CASE("rm leaves nothing of the deepest tree") {
  Scene scene(kSize);
  download(kModel, {});
  std::string deep = "cache/" + kSnapshot;
  for (int i = 0; i < 100; ++i) deep += "d/";
  scene.folder.write(deep + "x", "x");
  CHECK(remove_cached((scene.folder / "cache").string(), kModel) > kSize);
  CHECK(!fs::exists(scene.folder / "cache/models--org--name"));
}

TEST_CASE("verify says which file cannot be read, and looks at the others") {
  Scene scene(kSize);
  const std::string cache = (scene.folder / "cache").string();
  download(kModel, {});
  const std::string weights = scene.hub.models[kModel].files["model.safetensors"].hash();
  struct BadSector : HubEnv {
    using HubEnv::HubEnv;
    std::string bad;
    size_t read_at(int file, const std::string& path, std::span<std::byte> bytes,
                   uint64_t offset) override {
      if (path.ends_with(bad)) fail(ErrorCode::io, path + ": the disk reports an error");
      return HubEnv::read_at(file, path, bytes, offset);
    }
  } environment(scene.hub, scene.folder);
  environment.bad = weights;
  const CacheVerified verified = verify_cached(cache, kModel);
  CHECK(verified.files == 4);
  REQUIRE(verified.faults.size() == 1);
  CHECK(verified.faults[0].path.ends_with(weights));
  CHECK(verified.faults[0].problem.find("the disk reports an error") != std::string::npos);
}

TEST_CASE("a cache that cannot be written serves what it has") {
  Scene scene(kSize);
  download(kModel, {});
  struct ReadOnly : HubEnv {
    using HubEnv::HubEnv;
    void deny(const std::string& path) {
      fail(ErrorCode::denied, path + ": read-only file system");
    }
    bool make_directory(const std::string& path) override { return deny(path), false; }
    void rename_file(const std::string&, const std::string& to) override { deny(to); }
    void write_file_atomic(const std::string& path, std::span<const std::byte>) override {
      deny(path);
    }
  } environment(scene.hub, scene.folder);
  CHECK(Repo::open(kModel).exists("model.safetensors"));
  scene.hub.models[kModel].files["config.json"].content = "{\"new\":1}";
  expect_error([] { Repo::open(kModel); }, ErrorCode::denied, "read-only");
  set_env(nullptr);
}

TEST_CASE(
    "verify finds each flipped byte, broken link and stray file; rm leaves other revisions whole") {
  Scene scene(kSize);
  const std::string cache = (scene.folder / "cache").string();
  download(kModel, {});
  const std::string first = scene.hub.models[kModel].commit, second(40, 'a');
  scene.hub.models[kModel].commit = second;
  scene.hub.models[kModel].files["config.json"].content = "{\"new\":1}";
  download(kModel, {});
  const std::vector<CachedRepo> repos = list_cache(cache);
  REQUIRE(repos.size() == 1);
  CHECK(repos[0].id == kModel);
  REQUIRE(repos[0].revisions.size() == 2);
  CHECK(repos[0].revisions[0].refs.empty());
  CHECK(repos[0].revisions[1].refs == std::vector<std::string>{"main"});
  CHECK(repos[0].revisions[1].files == 4);
  CHECK(verify_cached(cache, kModel).faults.empty());
  CHECK(verify_cached(cache, kModel).files == 5);

  const std::string blobs = "cache/models--org--name/blobs/";
  const std::string weights = scene.hub.models[kModel].files["model.safetensors"].hash();
  const std::string good = tree(scene.folder / "cache").at(blobs.substr(6) + weights);
  for (const size_t at : {size_t{0}, good.size() / 2, good.size() - 1}) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 4);
    scene.folder.write(blobs + weights, bad);
    REQUIRE(verify_cached(cache, kModel).faults.size() == 1);
    CHECK(verify_cached(cache, kModel).faults[0].path.ends_with(weights));
  }
  scene.folder.write(blobs + weights, good);
  scene.folder.write(blobs + "stray", "x");
  scene.folder.link("../../blobs/absent",
                    "cache/models--org--name/snapshots/" + second + "/dangling");
  scene.folder.link("/etc/hostname", "cache/models--org--name/snapshots/" + second + "/outside");
  CHECK(verify_cached(cache, kModel).faults.size() == 3);
  fs::remove(scene.folder / (blobs + "stray"));

  expect_error([&] { remove_cached(cache, kModel, "v1"); }, ErrorCode::not_found,
               "no revision 'v1'");
  CHECK(remove_cached(cache, kModel, "main") == std::string("{\"new\":1}").size());
  CHECK(list_cache(cache)[0].revisions.size() == 1);
  CHECK(verify_cached(cache, kModel).faults.empty());
  CHECK(
      Repo::open(kModel, {.revision = first, .local_files_only = true}).size("model.safetensors") ==
      10'000);
  scene.folder.write("outside/x", "x");
  scene.folder.link((scene.folder / "outside").string(), "cache/models--org--name/snapshots/link");
  CHECK(remove_cached(cache, kModel) > 10'000);
  CHECK(list_cache(cache).empty());
  CHECK(fs::exists(scene.folder / "outside/x"));
  expect_error([&] { remove_cached(cache, kModel); }, ErrorCode::not_found, "not in the cache");
}
