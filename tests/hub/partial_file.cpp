// SPDX-License-Identifier: Apache-2.0
// Partial files: whose they are, when locks do not say.
#include "../../hub/partial_file.h"

#include <functional>
#include <optional>
#include <utility>

#include "../../hub/download.h"
#include "download_model.h"
#include "lying_locks.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;

namespace {

constexpr size_t kSize = 400'000;

}  // namespace

TEST_CASE("a partial file whose writer lives is left to it") {
  FakeHub hub;
  hub.models[kModel] = small_model(kSize);
  const TemporaryFolder folder;
  LyingLocks environment(hub, folder);
  const RepoCache cache((folder / "cache").string(), kModel);
  cache.prepare();
  const std::string& content = hub.models[kModel].files["model.safetensors"].content;
  const std::string hash = hash_of(content, 64);
  PartialFile first(cache, hash, kSize);
  first.write(0, as_bytes(std::string_view(content).substr(0, 1000)));
  download(kModel, {});
  CHECK(!check_cache(folder / "cache"));  // the first's file is still there
  first.write(0, as_bytes(std::string_view(content).substr(1000)));
  first.publish(cache.blob_path(hash));
  CHECK(check_cache(folder / "cache"));
}

TEST_CASE("a partial file that changes hands between a look at it and its claim is let alone") {
  /// Locks that lie, and something that happens when a journal has just been read.
  struct Meanwhile : LyingLocks {
    using LyingLocks::LyingLocks;
    std::function<void()> then = {};
    size_t read_at(int file, const std::string& path, std::span<std::byte> bytes,
                   uint64_t offset) override {
      const size_t got = Env::read_at(file, path, bytes, offset);
      if (const auto now = std::exchange(then, {})) now();
      return got;
    }
  };
  FakeHub hub;
  hub.models[kModel] = small_model(kSize);
  const TemporaryFolder folder;
  Meanwhile environment(hub, folder);
  const RepoCache cache((folder / "cache").string(), kModel);
  cache.prepare();
  const std::string& content = hub.models[kModel].files["model.safetensors"].content;
  const std::string hash = hash_of(content, 64);
  const std::string blob = cache.blob_path(hash);
  std::optional<PartialFile> first(std::in_place, cache, hash, kSize);
  SUBCASE("published") {
    first->write(0, as_bytes(content));
    environment.then = [&] { first->publish(blob); };
    PartialFile second(cache, hash, kSize);
    CHECK(second.done() == 0);
    second.write(0, as_bytes(std::string_view("x")));
    CHECK(env().read_file(blob, 2 * kSize) == content);
    second.discard();
  }
  SUBCASE("claimed by another") {
    first->write(0, as_bytes(std::string_view(content).substr(0, 1000)));
    first.reset();
    std::optional<PartialFile> other;
    environment.then = [&] { other.emplace(cache, hash, kSize); };
    PartialFile second(cache, hash, kSize);
    CHECK(other->done() == 1000);
    CHECK(second.done() == 0);
    second.discard();
    other->write(0, as_bytes(std::string_view(content).substr(1000)));
    other->publish(blob);
    CHECK(env().read_file(blob, 2 * kSize) == content);
  }
  CHECK(check_cache(folder / "cache"));
}

TEST_CASE("a partial file with wrong bytes in it is found out and replaced") {
  FakeHub hub;
  hub.models[kModel] = small_model(kSize);
  const TemporaryFolder folder;
  const HubEnv environment(hub, folder);
  const RepoCache cache((folder / "cache").string(), kModel);
  cache.prepare();
  const std::string hash = hash_of(hub.models[kModel].files["model.safetensors"].content, 64);
  for (const size_t there : {size_t{1000}, kSize}) {
    { PartialFile(cache, hash, kSize).write(0, as_bytes(std::string(there, 'x'))); }
    download(kModel, {.force_download = true});
    CHECK(check_cache(folder / "cache"));
  }
}
