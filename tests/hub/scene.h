// SPDX-License-Identifier: Apache-2.0
// Scene: a hub with one model, an empty cache, and what the download tests want to know afterwards.
#pragma once

#include "../../hub/download.h"
#include "download_model.h"

namespace tern::test {

struct Scene {
  FakeHub hub;
  TemporaryFolder folder;
  HubEnv environment;

  explicit Scene(size_t size = 300'000) : environment(prepared(hub, size), folder) {}
  static FakeHub& prepared(FakeHub& hub, size_t size) {
    hub.models[kModel] = small_model(size);
    return hub;
  }
  bool has_weights() const {
    return std::filesystem::exists(folder / "cache" / (kSnapshot + "model.safetensors"));
  }
  /// The download succeeds and leaves nothing but right files.
  void succeeds() {
    hub::download(kModel, {});
    CHECK(has_weights());
    CHECK(check_cache(folder / "cache"));
  }
  void fails(ErrorCode code, std::string_view part) {
    expect_error([] { hub::download(kModel, {}); }, code, part);
    CHECK(!has_weights());
    check_cache(folder / "cache");
  }
  /// Of what was opened, nothing but the cache, the token file and the system's own.
  void opened_inside() const {
    for (const std::string& path : environment.opened()) {
      CAPTURE(path);
      const std::string real = std::filesystem::weakly_canonical(path).string();
      const bool inside = real.starts_with((folder / "cache").string());
      const bool system = path.starts_with("/proc/sys/kernel/random/") || path.ends_with("/token");
      CHECK((inside || system));
    }
  }
};

}  // namespace tern::test
