// SPDX-License-Identifier: Apache-2.0
// The real Env: POSIX calls with their errors turned into sentences.
#include "env.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <system_error>

#include "cpus.h"
#include "error.h"
#include "format.h"
#include "posix.h"
#include "sigbus.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

namespace tern {

using posix::check_path;
using posix::directory_of;
using posix::fail_errno;
using posix::File;
using posix::uninterrupted;

namespace {

struct stat status_of(const File& file, const std::string& path) {
  struct stat s = {};
  if (::fstat(file.fd(), &s) != 0) fail_errno(path, "read its size", errno);
  return s;
}

[[noreturn]] void fail_too_large(const std::string& path, uint64_t limit) {
  fail(ErrorCode::invalid_argument,
       cat(path, ": larger than the ", limit, " bytes that are allowed for this file"));
}

uintptr_t page_size() {
  static const auto size = static_cast<uintptr_t>(std::max(1L, ::sysconf(_SC_PAGESIZE)));
  return size;
}

/// A file of more than half the memory would, being read in, evict its own beginning.
bool fits_in_memory(size_t size) {
  const auto pages = static_cast<uint64_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES)));
  return size / page_size() <= pages / 2;
}

/// Fails when the file shrank since it was opened, which a partial last page would hide, or when its
/// pages could not be read.
void check_mapped(const File& file, const std::string& path, size_t size, bool populated) {
  const auto now = static_cast<uint64_t>(status_of(file, path).st_size);
  if (now < size) {
    fail(ErrorCode::corrupt, cat(path, ": truncated while being read: ", size, " bytes when opened, ",
                                 now, " now: is another program still writing it?"));
  }
  if (!populated) fail_errno(path, "read the mapped file", EIO);
}

void write_all(const File& file, const std::string& path, std::span<const std::byte> content) {
  while (!content.empty()) {
    // Linux writes at most 2^31 - 4096 bytes at a time.
    const size_t piece = std::min(content.size(), size_t{1} << 30);
    const ssize_t written =
        uninterrupted([&] { return ::write(file.fd(), content.data(), piece); });
    if (written < 0) fail_errno(path, "write", errno);
    content = content.subspan(static_cast<size_t>(written));
  }
}

/// A name that no other thread or process uses now; short, for `path` may be as long as allowed.
std::string temporary_beside(const std::string& path) {
  static std::atomic<uint64_t> counter{0};
  const auto ticks = std::chrono::steady_clock::now().time_since_epoch().count();
  return cat(directory_of(path), "/.tern-", ::getpid(), "-",
             counter.fetch_add(1, std::memory_order_relaxed), "-", ticks, ".tmp");
}

/// Removes the temporary file unless it was renamed.
struct Temporary {
  std::string path;
  posix::Place place = posix::Place(path);
  bool keep = false;
  ~Temporary() {
    if (!keep) ::unlinkat(place.folder(), place.name(), 0);
  }
};

std::optional<std::string> small_file(const std::string& path) {
  try {
    return env().read_file(path, 1 << 16);
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

std::string Env::read_file(const std::string& path, uint64_t limit) {
  check_path(path);
  const File file(posix::open_to_read(path, O_RDONLY));
  if (!file) fail_errno(path, "open", errno);
  const struct stat s = status_of(file, path);
  if (S_ISDIR(s.st_mode)) fail_errno(path, "read", EISDIR);
  const auto expected = static_cast<uint64_t>(s.st_size);  // 0 for pipes and /proc
  if (expected > limit) fail_too_large(path, limit);
  std::string content;
  try {
    size_t filled = 0;
    // One byte more than expected, so that the end is seen without growing.
    content.resize(std::max<size_t>(expected + 1, 4096));
    while (true) {
      if (filled == content.size()) content.resize(filled * 2);
      const ssize_t got = uninterrupted(
          [&] { return ::read(file.fd(), content.data() + filled, content.size() - filled); });
      if (got < 0) fail_errno(path, "read", errno);
      if (got == 0) break;
      filled += static_cast<size_t>(got);
      if (filled > limit) fail_too_large(path, limit);
    }
    content.resize(filled);
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::out_of_memory, cat(path, ": no memory to hold its ", expected, " bytes"));
  }
  return content;
}

FileMapping Env::map_file(const std::string& path, bool populate) {
  check_path(path);
  // A named pipe must not block the open.
  const File file(posix::open_to_read(path, O_RDONLY | O_NONBLOCK));
  if (!file) fail_errno(path, "open", errno);
  const struct stat s = status_of(file, path);
  if (S_ISDIR(s.st_mode)) fail_errno(path, "map", EISDIR);
  if (!S_ISREG(s.st_mode)) fail(ErrorCode::invalid_argument, cat(path, ": not a regular file"));
  const auto size = static_cast<size_t>(s.st_size);
  if (size == 0) return {};
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd(), 0);
  if (data == MAP_FAILED) fail_errno(path, "map", errno);
  const auto* bytes = static_cast<const std::byte*>(data);
  try {
    const bool populated = !populate || !fits_in_memory(size) || this->populate(bytes, size);
    check_mapped(file, path, size, populated);
  } catch (...) {
    ::munmap(data, size);
    throw;
  }
  guard_mapping(bytes, size, path.c_str());
  return {bytes, size};
}

FileMapping Env::map_memory(size_t size) {
  void* data =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) {
    fail(ErrorCode::out_of_memory, cat("cannot map ", size, " bytes of memory"));
  }
  return {static_cast<const std::byte*>(data), size};
}

void Env::unmap(FileMapping mapping) noexcept {
  if (!mapping.data) return;
  unguard_mapping(mapping.data);
  ::munmap(const_cast<std::byte*>(mapping.data), mapping.size);
}

bool Env::populate(const std::byte* data, size_t size) noexcept {
  const uintptr_t page = page_size();
  const auto address = reinterpret_cast<uintptr_t>(data);
  const uintptr_t begin = address / page * page;
  const uintptr_t end = (address + size + page - 1) / page * page;
  if (size == 0) return true;
  const int result = uninterrupted([&] {
    return ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_POPULATE_READ);
  });
  // Kernels before 5.14 do not know the request (EINVAL); short memory is no fault of the file.
  return result == 0 || (errno != EFAULT && errno != EIO && errno != EHWPOISON);
}

void Env::prefetch(const std::byte* data, size_t size) noexcept {
  const uintptr_t page = page_size();
  const auto address = reinterpret_cast<uintptr_t>(data);
  const uintptr_t begin = address / page * page;
  if (size > 0)
    ::madvise(reinterpret_cast<void*>(begin), address + size - begin, MADV_WILLNEED);
}

void Env::drop_pages(const std::byte* data, size_t size) noexcept {
  const uintptr_t page = page_size();
  const auto address = reinterpret_cast<uintptr_t>(data);
  const uintptr_t begin = (address + page - 1) / page * page;
  const uintptr_t end = (address + size) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

void Env::write_file_atomic(const std::string& path, std::span<const std::byte> content) {
  check_path(path);
  Temporary temporary{.path = temporary_beside(path)};
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const File file(uninterrupted([&] {
    return temporary.place(
        [&](int folder, const char* name) { return ::openat(folder, name, kFlags, 0600); });
  }));
  if (!file) {
    const int error = errno;
    temporary.keep = true;
    fail_errno(path, "create a temporary file beside it", error);
  }
  write_all(file, path, content);
  if (uninterrupted([&] { return ::fsync(file.fd()); }) != 0) fail_errno(path, "sync", errno);
  // File systems without modes refuse; the content matters more.
  static_cast<void>(::fchmod(file.fd(), posix::mode_for(path)));
  if (posix::rename(temporary.place, posix::Place(path)) != 0) {
    fail_errno(path, "rename the finished file to it", errno);
  }
  temporary.keep = true;
  posix::sync_directory(directory_of(path), path);
}

std::vector<std::string> Env::list_directory(const std::string& path) {
  check_path(path);
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
  if (!directory) fail_errno(path, "list", errno);
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (!entry) break;
    const std::string_view name(entry->d_name);
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) fail_errno(path, "list", errno);
  std::sort(names.begin(), names.end());
  return names;
}

std::string Env::real_path(const std::string& path) {
  check_path(path);
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  if (!real) fail_errno(path, "follow its links", errno);
  return real.get();
}

std::optional<std::string> Env::variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? std::optional<std::string>(value) : std::nullopt;
}

int Env::usable_cpus() {
  const int cpus = affinity_cpus();
  const auto limit = cgroup_cpu_limit(small_file);
  if (!limit || *limit >= cpus) return cpus;
  return std::max(1, static_cast<int>(std::ceil(*limit)));
}

bool Env::cpu_quota() {
  const auto limit = cgroup_cpu_limit(small_file);
  return limit && *limit < affinity_cpus();
}

std::chrono::steady_clock::time_point Env::now() { return std::chrono::steady_clock::now(); }

namespace {
std::atomic<Env*> g_replacement{nullptr};
}  // namespace

Env& env() {
  static auto* real = new Env;  // storages may be released while static objects are destroyed
  Env* replacement = g_replacement.load(std::memory_order_acquire);
  return replacement ? *replacement : *real;
}

void set_env(Env* replacement) { g_replacement.store(replacement, std::memory_order_release); }

}  // namespace tern
