// SPDX-License-Identifier: Apache-2.0
// The packed cache when the system refuses, the disk is full, or a process is killed at any call: a
// load goes on, with one warning at most, and what it leaves is whole or is not loaded.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>

#include "../../engine/base/log.h"
#include "../hub/faulty_env.h"
#include "packed_model.h"

using namespace tern;
using golden::same_bits;
using test::CacheEnv;
using test::kModels;
using test::PackedModel;
namespace fs = std::filesystem;

namespace {

using FaultyCache = test::WithCache<test::FaultyEnv>;

/// Ends a child: 0 when `call` gave true.
template <class Call>
int exit_code_of(const Call& call) {
  const pid_t child = ::fork();
  if (child == 0) {
    bool right = false;
    try {
      right = call();
    } catch (...) {
      right = false;
    }
    ::_exit(right ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

struct Scene {
  PackedModel model{kModels[0].first, kModels[0].second};
  Tensor expected = model.run({.quantize = "int8", .packed_cache = false});
  bool right() const { return same_bits(model.run({.quantize = "int8"}), expected); }
};

}  // namespace

TEST_CASE("whichever call to the system fails while panels are kept, the model loads") {
  const Scene scene;
  int faults = 0, kept = 0;
  for (const bool forever : {false, true}) {
    bool more = true;
    for (int at = 0; more; ++at) {
      CAPTURE(at);
      FaultyCache env;
      env.at = at;
      env.forever = forever;
      int warnings = 0;
      set_log_callback(
          [&](LogLevel level, std::string_view) { warnings += level == LogLevel::warning; });
      CHECK(scene.right());
      set_log_callback({});
      CHECK(warnings <= 1);
      more = env.calls > at;
      env.at = -1;
      env.forever = false;
      const size_t found = env.entries().size();
      CHECK((found == 1 || warnings == 1));
      kept += static_cast<int>(found);
      CHECK(scene.right());
      CHECK(env.entries().size() == 1);
      ++faults;
    }
  }
  MESSAGE(faults << " faults, after " << kept << " of them the panels were kept");
  CHECK(faults > 20);
}

TEST_CASE("a process that is killed while it keeps panels leaves nothing that is loaded") {
  const Scene scene;
  FaultyCache env;
  int killed = 0;
  for (bool more = true; more; killed += more) {
    CAPTURE(killed);
    fs::remove_all(env.folder());
    const int code = exit_code_of([&] {
      env.calls = 0;
      env.at = killed;
      env.kills = true;
      return scene.right();
    });
    more = code == -1;
    CHECK((more || code == 0));
    for (int start = 0; start < 2; ++start) CHECK(scene.right());
    CHECK(env.entries().size() == 1);
  }
  MESSAGE(killed << " kills");
  CHECK(killed > 10);
}

TEST_CASE("processes that start at once all have the right weights, and leave one file") {
  const Scene scene;
  CacheEnv env;
  constexpr int kProcesses = 4;
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) {
    children.push_back(::fork());
    if (children.back() == 0) ::_exit(scene.right() && scene.right() ? 0 : 1);
  }
  for (const pid_t child : children) {
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  }
  CHECK(env.entries().size() == 1);
  CHECK(scene.right());
}

TEST_CASE("a disk that takes no more is a warning, and leaves no part of a file") {
  const Scene scene;
  CacheEnv env;
  CHECK(exit_code_of([&] {
          ::signal(SIGXFSZ, SIG_IGN);
          const rlimit limit = {10000, 10000};
          ::setrlimit(RLIMIT_FSIZE, &limit);
          int warnings = 0;
          set_log_callback([&](LogLevel, std::string_view) { ++warnings; });
          return scene.right() && warnings == 1;
        }) == 0);
  CHECK(env.entries().empty());
  for (const auto& entry : fs::directory_iterator(env.folder())) {
    CHECK(entry.path().extension() == ".sha256");
  }
  FaultyCache full;
  full.space = 1000;
  CHECK(scene.right());
  CHECK(full.entries().empty());
}

TEST_CASE("a cache that cannot be written to is read") {
  const Scene scene;
  FaultyCache env;
  CHECK(scene.right());
  REQUIRE(env.entries().size() == 1);
  for (const auto& entry : fs::directory_iterator(env.folder())) {
    if (entry.path().extension() == ".sha256") fs::remove(entry);
  }
  env.calls = 0;
  env.at = 1;  // 0 is the opening of the weights, to hash them again
  env.forever = true;
  int warnings = 0;
  set_log_callback([&](LogLevel, std::string_view) { ++warnings; });
  CHECK(scene.right());
  set_log_callback({});
  CHECK(warnings == 0);
  CHECK(env.calls == 2);
}
