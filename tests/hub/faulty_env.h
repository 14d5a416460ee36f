// SPDX-License-Identifier: Apache-2.0
// FaultyEnv: the real system but for one call that changes something, counted from the first.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <exception>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "../../engine/base/bytes.h"
#include "../../engine/base/env.h"
#include "../../engine/base/error.h"
#include "../../engine/base/format.h"

namespace tern::test {

/// The Env in force while it lives. Waits for no disk.
class FaultyEnv : public Env {
 public:
  FaultyEnv() { set_env(this); }
  ~FaultyEnv() override { set_env(nullptr); }

  int calls = 0, at = -1;  // at: counted from 0
  bool kills = false;      // the process ends there; else the call fails,
  bool after = false;      // a rename when it has taken place: its folder cannot be made durable
  bool forever = false;    // and every later one of its kind too
  uint64_t space = uint64_t{1} << 50;

  void write_file_atomic(const std::string& path, std::span<const std::byte> content) override {
    step("write", [&] { std::ofstream(path, std::ios::binary) << as_text(content); });
  }
  int open_file(const std::string& path, OpenMode mode) override {
    int file = -1;
    step("create", [&] { file = Env::open_file(path, mode); });
    return file;
  }
  void write_at(int file, const std::string& path, std::span<const std::byte> bytes,
                uint64_t offset) override {
    step("write", [&] { Env::write_at(file, path, bytes, offset); });
  }
  void sync_file(int, const std::string&) override {
    step("sync", [] {});
  }
  void rename_file(const std::string& from, const std::string& to) override {
    step("rename", [&] { std::filesystem::rename(from, to); });
  }
  void remove_file(const std::string& path) override {
    step("remove", [&] { Env::remove_file(path); });
  }
  bool remove_directory(const std::string& path) override {
    bool empty = true;
    step("remove", [&] { empty = Env::remove_directory(path); });
    return empty;
  }
  bool make_directory(const std::string& path) override {
    bool made = false;
    step("make", [&] { made = Env::make_directory(path); });
    return made;
  }
  void make_private(const std::string& path) override {
    step("make", [&] { Env::make_private(path); });
  }
  uint64_t free_space(const std::string&) override { return space; }

 private:
  template <class Call>
  void step(const char* what, const Call& call) {
    const bool now = calls++ == at || (forever && what == failed_);
    if (now && kills) ::raise(SIGKILL);
    if (now) failed_ = what;
    const bool took_place = after && what == std::string_view("rename");
    if (!now || took_place) call();
    if (now) fail(ErrorCode::io, cat("cannot ", what, ": No space left on device"));
  }

  std::string_view failed_;
};

enum class Ending { complete, killed, wrong };

/// How `call` ends in a process of its own that is killed at a call to the system. That process
/// runs nothing else of this one: no test goes on in it, no static object is destroyed.
template <class Call>
Ending killed_at(int at, const Call& call) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      FaultyEnv env;
      env.at = at;
      env.kills = true;
      call();
    } catch (...) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return Ending::wrong;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return Ending::killed;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? Ending::complete : Ending::wrong;
}

}  // namespace tern::test
