// SPDX-License-Identifier: Apache-2.0
// A folder that lives as long as the object, and an Env that remembers what was asked of the system.
#pragma once

#include <doctest/doctest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "../../engine/base/env.h"

namespace tern::test {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "tern-hub-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = std::filesystem::canonical(name);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  std::string string() const { return path_.string(); }

  /// Writes a file, making the folders above it.
  void write(std::string_view name, std::string_view content) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << content;
  }
  void link(std::string_view target, std::string_view name) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::filesystem::create_symlink(target, path_ / name);
  }

 private:
  std::filesystem::path path_;
};

/// While it lives, the Env in force: the real one, with variables of its own and a log of the files
/// whose content was read or mapped and the folders that were listed.
class RecordingEnv : public Env {
 public:
  RecordingEnv() { set_env(this); }
  ~RecordingEnv() override { set_env(nullptr); }

  std::map<std::string, std::string> variables = {{"HF_HUB_OFFLINE", "1"}};
  std::vector<std::string> opened;

  bool opened_outside(const std::string& folder) const {
    return std::any_of(opened.begin(), opened.end(), [&](const std::string& path) {
      return !std::filesystem::weakly_canonical(path).string().starts_with(folder);
    });
  }

  std::string read_file(const std::string& path, uint64_t limit) override {
    opened.push_back(path);
    return Env::read_file(path, limit);
  }
  FileMapping map_file(const std::string& path, bool populate) override {
    opened.push_back(path);
    return Env::map_file(path, populate);
  }
  std::vector<std::string> list_directory(const std::string& path) override {
    opened.push_back(path);
    return Env::list_directory(path);
  }
  std::optional<std::string> variable(const char* name) override {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  }
};

}  // namespace tern::test
