// SPDX-License-Identifier: Apache-2.0
#include "../../../engine/base/env.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <thread>

#include "../../../engine/base/bytes.h"
#include "../../../engine/base/sigbus.h"
#include "../../../engine/base/storage.h"
#include "../scratch.h"

using namespace tern;
using namespace tern::test;

namespace {

constexpr size_t kPage = 4096;

mode_t mode_of(const std::string& path) {
  struct stat s = {};
  REQUIRE(::stat(path.c_str(), &s) == 0);
  return s.st_mode & 07777;
}

}  // namespace

TEST_CASE("stat tells files, directories and nothing apart") {
  const Scratch dir;
  const auto file = dir.file("a", "12345");
  const FileInfo info = env().stat(file);
  CHECK(info.exists);
  CHECK_FALSE(info.directory);
  CHECK(info.size == 5);
  CHECK(info.inode != 0);
  CHECK(info.mtime_ns > 0);
  CHECK(env().stat(dir.path()).directory);
  CHECK_FALSE(env().stat(dir / "none").exists);
  CHECK_FALSE(env().stat(file + "/below").exists);
}

TEST_CASE("a whole file is read, and one byte over the limit is refused") {
  const Scratch dir;
  const std::string text = std::string(10000, 'x') + "end";
  const auto file = dir.file("a", text);
  CHECK(env().read_file(file, text.size()) == text);
  CHECK(env().read_file(dir.file("empty", ""), 0).empty());
  const Error error = error_of([&] { env().read_file(file, text.size() - 1); });
  CHECK(error.code() == ErrorCode::invalid_argument);
  CHECK(contains(error.what(), file));
  CHECK(env().read_file("/proc/self/status", 1 << 20).size() > 100);
  CHECK(error_of([&] { env().read_file("/dev/zero", 1 << 20); }).code() == ErrorCode::invalid_argument);
}

TEST_CASE("an error names the path, what the system said and the code for it") {
  const Scratch dir;
  const auto file = dir.file("a", "");
  struct Row {
    std::string path;
    ErrorCode code;
    const char* part;
  };
  const Row rows[] = {
      {dir / "none", ErrorCode::not_found, "No such file"},
      {file + "/below", ErrorCode::not_found, "a part of the path is a file"},
      {dir.path(), ErrorCode::invalid_argument, "directory"},
      {dir / std::string(300, 'n'), ErrorCode::invalid_argument, "too long"},
      {std::string("a\0b", 3), ErrorCode::invalid_argument, "zero byte"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.path);
    const Error read = error_of([&] { env().read_file(row.path, 100); });
    CHECK(read.code() == row.code);
    CHECK(contains(read.what(), row.part));
    CHECK(contains(read.what(), row.path.c_str()));
    const Error map = error_of([&] { env().map_file(row.path); });
    CHECK(map.code() == row.code);
    CHECK(contains(map.what(), row.part));
  }
  REQUIRE(::symlink("loop", (dir / "loop").c_str()) == 0);
  CHECK(error_of([&] { env().stat(dir / "loop"); }).code() == ErrorCode::io);
  CHECK(error_of([&] { env().list_directory(file); }).code() == ErrorCode::not_found);
}

TEST_CASE("a named pipe is refused by map_file at once") {
  const Scratch dir;
  REQUIRE(::mkfifo((dir / "pipe").c_str(), 0600) == 0);
  CHECK(error_of([&] { env().map_file(dir / "pipe"); }).code() == ErrorCode::invalid_argument);
}

TEST_CASE("a read that signals keep interrupting still gets every byte") {
  const Scratch dir;
  const auto pipe = dir / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  struct sigaction action = {}, before = {};
  action.sa_handler = [](int) {};  // without SA_RESTART
  ::sigaction(SIGALRM, &action, &before);
  std::thread writer([&] {
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm, nullptr);
    const int fd = ::open(pipe.c_str(), O_WRONLY);
    for (int i = 0; i < 100; ++i) {
      ::usleep(500);
      if (::write(fd, "0123456789", 10) != 10) break;
    }
    ::close(fd);
  });
  const itimerval often = {{0, 200}, {0, 200}}, never = {};
  ::setitimer(ITIMER_REAL, &often, nullptr);
  const std::string text = env().read_file(pipe, 10000);
  ::setitimer(ITIMER_REAL, &never, nullptr);
  writer.join();
  ::sigaction(SIGALRM, &before, nullptr);
  CHECK(text.size() == 1000);
}

TEST_CASE("an atomic write makes the file, replaces it, and leaves no other file behind") {
  const Scratch dir;
  const auto file = dir / "a";
  env().write_file_atomic(file, as_bytes("one"));
  CHECK(content_of(file) == "one");
  ::chmod(file.c_str(), 0640);
  env().write_file_atomic(file, as_bytes("two!"));
  CHECK(content_of(file) == "two!");
  CHECK(mode_of(file) == 0640);
  CHECK(env().list_directory(dir.path()) == std::vector<std::string>{"a"});
  const auto longest = dir / std::string(255, 'n');
  env().write_file_atomic(longest, {});
  CHECK(env().stat(longest).exists);
}

TEST_CASE("a new file gets the mode that the umask leaves") {
  const Scratch dir;
  CHECK(in_child([&] {
          ::umask(027);
          env().write_file_atomic(dir / "a", as_bytes("x"));
          return 0;
        }) == 0);
  CHECK(mode_of(dir / "a") == 0640);
}

TEST_CASE("a write that fails half way leaves the old file and no temporary one") {
  const Scratch dir;
  const auto file = dir.file("a", "old");
  CHECK(in_child([&] {
          ::signal(SIGXFSZ, SIG_IGN);
          const rlimit limit = {.rlim_cur = 1000, .rlim_max = 1000};
          if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
          try {
            env().write_file_atomic(file, as_bytes(std::string(5000, 'x')));
          } catch (const Error& error) {
            return error.code() == ErrorCode::io && contains(error.what(), file) ? 0 : 2;
          }
          return 3;
        }) == 0);
  CHECK(content_of(file) == "old");
  CHECK(env().list_directory(dir.path()) == std::vector<std::string>{"a"});
  CHECK(error_of([&] { env().write_file_atomic(dir / "no/b", {}); }).code() == ErrorCode::not_found);
  CHECK(error_of([&] { env().write_file_atomic(dir.path(), {}); }).code() != ErrorCode::internal);
}

TEST_CASE("a rename that fails leaves what was there and no temporary file") {
  const Scratch dir;
  // A directory in place of the target makes rename, the last step, fail.
  std::filesystem::create_directory(dir / "a");
  CHECK(error_of([&] { env().write_file_atomic(dir / "a", as_bytes("x")); }).code() ==
        ErrorCode::invalid_argument);
  CHECK(env().list_directory(dir.path()) == std::vector<std::string>{"a"});
}

TEST_CASE("concurrent atomic writes of one file leave one of them whole") {
  const Scratch dir;
  const auto file = dir / "a";
  std::vector<std::thread> threads;
  for (char c : {'a', 'b', 'c', 'd'}) {
    threads.emplace_back([&, c] {
      for (int i = 0; i < 20; ++i) env().write_file_atomic(file, as_bytes(std::string(9000, c)));
    });
  }
  for (auto& t : threads) t.join();
  const auto text = content_of(file);
  CHECK(text == std::string(9000, text[0]));
  CHECK(env().list_directory(dir.path()).size() == 1);
}

TEST_CASE("running out of file descriptors is an io Error that says so") {
  const Scratch dir;
  const auto file = dir.file("a", "x");
  CHECK(in_child([&] {
          const rlimit limit = {.rlim_cur = 0, .rlim_max = 0};
          if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
          try {
            env().map_file(file);
          } catch (const Error& error) {
            return error.code() == ErrorCode::io && contains(error.what(), "ulimit") ? 0 : 2;
          }
          return 3;
        }) == 0);
}

TEST_CASE("a mapping larger than the address space allows is out_of_memory") {
  const Scratch dir;
  const auto file = dir.file("a", "");
  std::filesystem::resize_file(file, uintmax_t{1} << 40);  // sparse
  CHECK(in_child([&] {
          const rlimit limit = {.rlim_cur = rlim_t{1} << 38, .rlim_max = rlim_t{1} << 38};
          if (::setrlimit(RLIMIT_AS, &limit) != 0) return 1;
          try {
            env().map_file(file);
          } catch (const Error& error) {
            return error.code() == ErrorCode::out_of_memory ? 0 : 2;
          }
          return 3;
        }) == 0);
}

TEST_CASE("a mapping shows the file's bytes, also after the file is unlinked; an empty file works") {
  const Scratch dir;
  const std::string text(3 * kPage + 17, 'm');
  const auto file = dir.file("a", text);
  const FileMapping mapping = env().map_file(file);
  ::unlink(file.c_str());
  CHECK(as_text({mapping.data, mapping.size}) == text);
  env().drop_pages(mapping.data + 1, mapping.size - 1);
  CHECK(as_text({mapping.data, mapping.size}) == text);
  env().drop_pages(mapping.data + 1, 10);
  env().unmap(mapping);

  const FileMapping empty = env().map_file(dir.file("empty", ""));
  CHECK(empty.size == 0);
  env().unmap(empty);
  CHECK(map_storage(dir / "empty")->size() == 0);
}

TEST_CASE("pages that are dropped leave memory") {
  const Scratch dir;
  const auto file = dir.file("a", std::string(64 * kPage, 'm'));
  const FileMapping mapping = env().map_file(file);
  const auto begin = reinterpret_cast<uintptr_t>(mapping.data);
  const auto resident = [&] {  // Rss of this mapping; mincore would count the page cache
    const std::string maps = env().read_file("/proc/self/smaps", 1 << 24);
    char key[32];
    std::snprintf(key, sizeof key, "%lx-", static_cast<unsigned long>(begin));
    const size_t at = maps.find("Rss:", maps.find(key));
    return std::strtol(maps.c_str() + at + 4, nullptr, 10);
  };
  CHECK(resident() == 64 * 4);
  env().drop_pages(mapping.data, mapping.size);
  CHECK(resident() == 0);
  env().unmap(mapping);
}

TEST_CASE("populating a part of a mapping tells whether the file still has it") {
  const Scratch dir;
  const auto file = dir.file("a", std::string(8 * kPage, 'm'));
  const StorageRef ref = map_storage(file, false);
  CHECK(ref->populate(ref->data() + 100, 3 * kPage));
  CHECK(ref->populate(ref->data(), 0));
  std::filesystem::resize_file(file, 4 * kPage);
  CHECK(ref->populate(ref->data(), 4 * kPage));
  CHECK_FALSE(ref->populate(ref->data(), 4 * kPage + 1));
  CHECK_FALSE(ref->populate(ref->data() + 7 * kPage, 1));
  CHECK(heap_storage(8)->populate(nullptr, 0));
}

TEST_CASE("a file truncated while it is being mapped is an Error, never a signal") {
  const Scratch dir;
  const auto file = dir.file("a", "");
  constexpr size_t kSize = 256 * kPage;
  std::atomic<bool> stop{false};
  std::thread truncater([&] {
    while (!stop) {
      std::filesystem::resize_file(file, kPage);
      std::filesystem::resize_file(file, kSize);
    }
  });
  int whole = 0, corrupt = 0;
  for (int i = 0; i < 3000; ++i) {
    try {
      env().unmap(env().map_file(file));
      ++whole;
    } catch (const Error& error) {
      const bool expected = error.code() == ErrorCode::corrupt || error.code() == ErrorCode::io;
      if (!expected) FAIL_CHECK(error.what());
      ++corrupt;
    }
  }
  stop = true;
  truncater.join();
  CHECK(whole + corrupt == 3000);
}

TEST_CASE("with the guard a file truncated later ends the process with the code for io") {
  const Scratch dir;
  const auto file = dir.file("weights", std::string(4 * kPage, 'm'));
  const auto output = dir / "stderr";
  const auto truncated_access = [&](bool guard) {
    return in_child([&] {
      const int fd = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      ::dup2(fd, STDERR_FILENO);
      ::signal(SIGBUS, SIG_DFL);
      if (guard) install_sigbus_guard();
      const FileMapping mapping = env().map_file(file);
      std::filesystem::resize_file(file, 0);
      const volatile std::byte* byte = mapping.data + 2 * kPage;
      return static_cast<int>(*byte) & 1;
    });
  };
  CHECK(truncated_access(true) == exit_code(ErrorCode::io));
  CHECK(contains(content_of(output), file + ": the file was truncated"));
  std::filesystem::resize_file(file, 4 * kPage);
  CHECK(truncated_access(false) == -SIGBUS);
}

TEST_CASE("a fault in another's mapping, and a SIGBUS that was sent, go to the previous handler") {
  const Scratch dir;
  const auto file = dir.file("other", std::string(2 * kPage, 'm'));
  const auto quiet = [] { ::signal(SIGBUS, SIG_DFL); };
  CHECK(in_child([&] {
          quiet();
          install_sigbus_guard();
          env().unmap(env().map_file(file));  // a freed record must not match
          const int fd = ::open(file.c_str(), O_RDONLY);
          void* data = ::mmap(nullptr, 2 * kPage, PROT_READ, MAP_PRIVATE, fd, 0);
          std::filesystem::resize_file(file, 0);
          return static_cast<int>(*static_cast<volatile char*>(data)) & 1;
        }) == -SIGBUS);
  CHECK(in_child([&] {
          quiet();
          install_sigbus_guard();
          ::raise(SIGBUS);
          return 0;
        }) == -SIGBUS);
  CHECK(in_child([&] {
          ::signal(SIGBUS, [](int) { ::_exit(55); });
          install_sigbus_guard();
          ::raise(SIGBUS);
          return 0;
        }) == 55);
}

TEST_CASE("a callback of the guard is told the file, of a long path its end") {
  const Scratch dir;
  std::string deep = dir.path();
  for (int i = 0; i < 3; ++i) deep += "/" + std::string(100, 'd');
  std::filesystem::create_directories(deep);
  const auto file = deep + "/weights";
  std::ofstream(file) << std::string(2 * kPage, 'm');
  CHECK(in_child([&] {
          install_sigbus_guard(7, [](const char* path) {
            const std::string_view text(path);
            if (text.size() == 239 && text.ends_with("/weights")) ::_exit(42);
          });
          std::vector<FileMapping> many;  // more than one chunk of records
          for (int i = 0; i < 200; ++i) many.push_back(env().map_file(file));
          for (int i = 0; i < 150; ++i) env().unmap(many[static_cast<size_t>(i)]);
          std::filesystem::resize_file(file, 0);
          return static_cast<int>(*const_cast<const volatile std::byte*>(many[180].data)) & 1;
        }) == 42);
}

TEST_CASE("the CPUs that are usable follow the affinity mask") {
  CHECK(env().usable_cpus() >= 1);
  CHECK(in_child([] {
          cpu_set_t one;
          CPU_ZERO(&one);
          CPU_SET(static_cast<size_t>(::sched_getcpu()), &one);
          if (::sched_setaffinity(0, sizeof one, &one) != 0) return 1;
          return env().usable_cpus() == 1 ? 0 : 2;
        }) == 0);
}

TEST_CASE("variables are read, and an unset one is told from an empty one") {
  ::setenv("TERN_TEST_VARIABLE", "", 1);
  CHECK(env().variable("TERN_TEST_VARIABLE") == "");
  ::unsetenv("TERN_TEST_VARIABLE");
  CHECK_FALSE(env().variable("TERN_TEST_VARIABLE"));
}

TEST_CASE("names in a directory come sorted, without . and ..") {
  const Scratch dir;
  for (const char* name : {"c", ".hidden", "a", "b"}) dir.file(name, "");
  CHECK(env().list_directory(dir.path()) == std::vector<std::string>{".hidden", "a", "b", "c"});
}
