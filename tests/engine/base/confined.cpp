// SPDX-License-Identifier: Apache-2.0
// A folder in which anything may turn into a link: what opens, makes, renames or removes goes
// nowhere else.
#include "../../../engine/base/confined.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <thread>
#include <vector>

#include "../../../engine/base/bytes.h"
#include "../../../engine/base/env.h"
#include "../../../engine/base/storage.h"
#include "../scratch.h"

using namespace tern;
using namespace tern::test;

namespace fs = std::filesystem;

namespace {

/// cache/real/{file, link → file, away → ../../outside/file}, outside/file.
struct Scene {
  Scratch scratch;
  std::string root = scratch / "cache";

  Scene() {
    fs::create_directories(scratch / "cache/real");
    fs::create_directories(scratch / "outside");
    scratch.file("cache/real/file", "inside");
    scratch.file("outside/file", "outside");
    fs::create_symlink("file", scratch / "cache/real/link");
    fs::create_symlink("../../outside/file", scratch / "cache/real/away");
  }
  size_t outside() const {
    const auto entries = fs::directory_iterator(scratch / "outside");
    return static_cast<size_t>(std::distance(begin(entries), end(entries)));
  }
};

/// What may be asked for a name in `folder`: each throws, or does it there.
std::vector<std::function<void()>> writers(const std::string& folder) {
  const std::string file = folder + "/file", fresh = folder + "/new";
  return {[=] { env().write_file_atomic(fresh, as_bytes("x")); },
          [=] { env().close_file(env().open_file(fresh, OpenMode::create)); },
          [=] { env().close_file(env().open_file(fresh, OpenMode::lock)); },
          [=] { env().close_file(env().open_file(file, OpenMode::update)); },
          [=] { env().close_file(env().open_file(file, OpenMode::read)); },
          [=] { env().make_directory(fresh); },
          [=] { env().make_link("target", fresh); },
          [=] { env().rename_file(file, fresh); },
          [=] { env().remove_file(file); },
          [=] { env().remove_directory(file); },
          [=] { env().read_link(file); },
          [=] { env().link_info(file); },
          [=] { env().read_file(file, 100); },
          [=] { map_storage(file); }};
}

}  // namespace

TEST_CASE("below a confined folder no call goes through a link") {
  const Scene scene;
  const std::string root = scene.root;
  fs::create_directory_symlink("../outside", root + "/planted");
  const ConfinedFolder confined(root);
  for (const auto& call : writers(root + "/planted")) {
    CHECK(error_of(call).code() == ErrorCode::denied);
  }
  for (const auto& call : writers(root + "/planted/../planted")) {
    CHECK(error_of(call).code() == ErrorCode::denied);
  }
  CHECK(scene.outside() == 1);
  CHECK(content_of(scene.scratch / "outside/file") == "outside");
  env().touch(root + "/planted/new");
  CHECK(scene.outside() == 1);
  CHECK(error_of([&] { env().rename_file(root + "/real/file", root + "/planted/new"); }).code() ==
        ErrorCode::denied);
  CHECK(error_of([&] { env().read_file(root + "/real/away", 100); }).code() == ErrorCode::denied);
  CHECK(error_of([&] { map_storage(root + "/real/away"); }).code() == ErrorCode::denied);
  CHECK(env().read_file(root + "/real/link", 100) == "inside");
  CHECK(env().read_file(root + "/real/../real/link", 100) == "inside");
}

TEST_CASE("a system that does not know openat2 goes part by part") {
  const Scene scene;
  const std::string root = scene.root;
  fs::create_directory_symlink("../outside", root + "/planted");
  const int failed = in_child([&] {
    sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const sock_fprog filter = {std::size(code), code};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
      return 98;
    const ConfinedFolder confined(root);
    std::vector<std::function<void()>> calls = writers(root + "/planted");
    calls.resize(calls.size() - 2);  // reading follows links there
    for (size_t i = 0; i < calls.size(); ++i) {
      try {
        calls[i]();
        return static_cast<int>(i) + 1;
      } catch (const Error& error) {
        if (error.code() != ErrorCode::denied) return static_cast<int>(i) + 1;
      }
    }
    env().write_file_atomic(root + "/real/new", as_bytes("x"));
    return env().link_info(root + "/real/new").size == 1 ? 0 : 97;
  });
  CHECK(failed == 0);
  CHECK(scene.outside() == 1);
}

TEST_CASE("what is no link works below a confined folder as elsewhere") {
  const Scene scene;
  const std::string root = scene.root;
  fs::create_directory_symlink("cache", scene.scratch / "way");
  for (const std::string& name : {root, scene.scratch / "way"}) {
    const ConfinedFolder confined(name), again(name);
    for (const std::string& folder : {name, name + "/real"}) {
      const std::string file = folder + "/f", other = folder + "/g";
      env().write_file_atomic(file, as_bytes("text"));
      CHECK(env().read_file(file, 100) == "text");
      CHECK(map_storage(file)->size() == 4);
      env().rename_file(file, other);
      CHECK(!env().link_info(file).exists);
      CHECK(env().link_info(other).size == 4);
      env().make_link("g", file);
      CHECK(env().read_link(file) == "g");
      env().remove_file(file);
      env().remove_file(other);
      env().remove_file(other);
      CHECK(env().make_directory(other));
      CHECK(!env().make_directory(other));
      env().close_file(env().open_file(other + "/x", OpenMode::create));
      CHECK(!env().remove_directory(other));
      env().remove_file(other + "/x");
      CHECK(env().remove_directory(other));
      CHECK(error_of([&] { env().read_file(folder + "/none/x", 9); }).code() ==
            ErrorCode::not_found);
      CHECK(!env().link_info(folder + "/none/x").exists);
    }
  }
}

TEST_CASE("a confined folder that is put in another's place later is not followed there") {
  const Scene scene;
  const ConfinedFolder confined(scene.root);
  CHECK(env().read_file(scene.root + "/real/file", 100) == "inside");
  fs::rename(scene.root, scene.scratch / "moved");
  fs::create_directories(scene.scratch / "outside/real");
  scene.scratch.file("outside/real/file", "outside");
  fs::create_directory_symlink("outside", scene.root);
  CHECK(env().read_file(scene.root + "/real/file", 100) == "inside");
  env().write_file_atomic(scene.root + "/new", as_bytes("x"));
  CHECK(fs::exists(scene.scratch / "moved/new"));
  {
    const ConfinedFolder later(scene.root);
    CHECK(env().read_file(scene.root + "/real/file", 100) == "outside");
  }
  // One that was deleted is looked for anew.
  fs::remove(scene.root);
  fs::remove_all(scene.scratch / "moved");
  fs::create_directory(scene.root);
  env().write_file_atomic(scene.root + "/new", as_bytes("x"));
  CHECK(fs::exists(scene.root + "/new"));
}

TEST_CASE("a folder and a link that change places all the time: nothing goes out or comes in") {
  const Scene scene;
  const std::string root = scene.root;
  fs::create_directory_symlink("../outside", root + "/planted");
  const ConfinedFolder confined(root);
  std::atomic<bool> stop = false;
  std::thread attacker([&] {
    const std::string real = root + "/real", planted = root + "/planted";
    while (!stop) {
      ::syscall(SYS_renameat2, AT_FDCWD, real.c_str(), AT_FDCWD, planted.c_str(), 2 /* exchange */);
    }
  });
  int done = 0, refused = 0;
  const auto attempt = [&](const std::function<void()>& call) {
    try {
      call();
      ++done;
    } catch (const Error&) {
      ++refused;
    }
  };
  for (int i = 0; i < 2000; ++i) {
    const std::string name = root + "/real/new";
    attempt([&] { env().write_file_atomic(name, as_bytes("x")); });
    attempt([&] { env().remove_file(name); });
    attempt([&] { env().close_file(env().open_file(name, OpenMode::lock)); });
    attempt([&] { env().rename_file(name, root + "/real/other"); });
    attempt([&] { env().make_directory(root + "/real/folder"); });
    std::string read = "inside", seen = "inside";
    attempt([&] { read = env().read_file(root + "/real/file", 100); });
    attempt([&] {
      const StorageRef file = map_storage(root + "/real/file");
      seen = as_text({file->data(), file->size()});
    });
    CHECK(read == "inside");
    CHECK(seen == "inside");
  }
  stop = true;
  attacker.join();
  CHECK(scene.outside() == 1);
  CHECK(content_of(scene.scratch / "outside/file") == "outside");
  MESSAGE(done << " calls, " << refused << " were refused");
  CHECK(done > 100);
}
