// SPDX-License-Identifier: Apache-2.0
// HubEnv: the Env of the download tests: variables of its own that lead to a FakeHub and a cache in
// a temporary folder, sleep that only counts, and a log of what was opened. Safe for many threads.
#pragma once

#include <filesystem>

#include "../../hub/download.h"
#include "hub_server.h"
#include "temporary_folder.h"

namespace tern::test {

class HubEnv : public Env {
 public:
  HubEnv(const FakeHub& hub, const TemporaryFolder& folder) {
    variables["HF_ENDPOINT"] = hub.endpoint();
    variables["HF_HUB_CACHE"] = (folder / "cache").string();
    variables["HOME"] = folder.string();
    variables["HF_HUB_DOWNLOAD_TIMEOUT"] = "20";
    variables["HF_HUB_ETAG_TIMEOUT"] = "20";
    set_env(this);
  }
  ~HubEnv() override { set_env(nullptr); }

  std::map<std::string, std::string> variables;
  std::atomic<int64_t> slept_ms{0};
  std::atomic<uint64_t> space{uint64_t{1} << 50};

  std::vector<std::string> opened() const {
    const std::scoped_lock lock(mutex_);
    return opened_;
  }

  std::optional<std::string> variable(const char* name) override {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  }
  void sleep_for(std::chrono::milliseconds time) override {
    slept_ms += time.count();
    std::this_thread::sleep_for(std::min(time, std::chrono::milliseconds(2)));
  }
  uint64_t free_space(const std::string&) override { return space; }
  int open_file(const std::string& path, OpenMode mode) override {
    note(path);
    return Env::open_file(path, mode);
  }
  std::string read_file(const std::string& path, uint64_t limit) override {
    note(path);
    return Env::read_file(path, limit);
  }

 private:
  void note(const std::string& path) {
    const std::scoped_lock lock(mutex_);
    opened_.push_back(path);
  }
  mutable std::mutex mutex_;
  std::vector<std::string> opened_;
};

/// What lies in a folder: relative path → content; a link is "-> target".
inline std::map<std::string, std::string> tree(const std::filesystem::path& root) {
  namespace fs = std::filesystem;
  std::map<std::string, std::string> out;
  if (!fs::exists(root)) return out;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const std::string name = entry.path().lexically_relative(root).string();
    if (entry.is_symlink()) {
      out[name] = "-> " + fs::read_symlink(entry.path()).string();
    } else if (entry.is_regular_file()) {
      std::ifstream file(entry.path(), std::ios::binary);
      out[name] = std::string(std::istreambuf_iterator<char>(file), {});
    }
  }
  return out;
}

}  // namespace tern::test
