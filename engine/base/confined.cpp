// SPDX-License-Identifier: Apache-2.0
#include "confined.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <list>
#include <mutex>
#include <string_view>
#include <utility>

#include "error.h"
#include "format.h"
#include "posix.h"

namespace tern {

namespace {

using posix::uninterrupted;

constexpr int kFolder = O_PATH | O_DIRECTORY | O_CLOEXEC;

struct Root {
  const ConfinedFolder* owner;
  std::string name;
  int fd = -1;  // opened when it is first needed and there, and then kept, whatever is put there

  /// -1 and errno. One that was deleted since is looked for anew.
  int open() {
    struct stat s = {};
    if (fd >= 0 && ::fstat(fd, &s) == 0 && s.st_nlink == 0) close();
    if (fd < 0) fd = uninterrupted([&] { return ::open(name.c_str(), kFolder); });
    return fd < 0 ? -1 : ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  }
  void close() {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
};

struct Roots {
  std::mutex mutex;
  std::list<Root> all;
};

Roots& roots() {
  static auto* made = new Roots;  // folders may be used while static objects are destroyed
  return *made;
}

/// The longest confined folder that `path` is in, and how many bytes of it are its name; 0: it is
/// in none.
struct Above {
  size_t length = 0;
  posix::File folder = posix::File(-1);

  explicit Above(const std::string& path) : Above(path, find(path)) {}

 private:
  static std::pair<size_t, int> find(const std::string& path) {
    Roots& known = roots();
    const std::lock_guard lock(known.mutex);
    Root* longest = nullptr;
    for (Root& root : known.all) {
      const size_t size = root.name.size();
      if (path.size() <= size || path[size] != '/' || !path.starts_with(root.name)) continue;
      // Of one name the latest: an earlier one may hold what has been moved away since.
      if (!longest || longest->name.size() <= size) longest = &root;
    }
    if (!longest) return {0, -1};
    return {longest->name.size(), longest->open()};
  }
  Above(const std::string&, std::pair<size_t, int> found)
      : length(found.first), folder(found.second) {}
};

/// -1 and errno, as open; ENOSYS where the system does not know openat2 or forbids it.
int open_resolved(int folder, const std::string& name, int flags, uint64_t resolve) {
  struct open_how how = {};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
  how.resolve = resolve | RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  constexpr int kTries = 1000;  // EAGAIN: something was renamed while a ".." was followed
  int result = -1;
  for (int i = 0; i < kTries; ++i) {
    result = static_cast<int>(uninterrupted(
        [&] { return ::syscall(SYS_openat2, folder, name.c_str(), &how, sizeof how); }));
    if (result >= 0 || errno != EAGAIN) break;
  }
  if (result >= 0) return result;
  if (errno == EXDEV || errno == EAGAIN) errno = ELOOP;   // out of the folder
  if (errno == EPERM || errno == EINVAL) errno = ENOSYS;  // a sandbox that does not know it
  return result;
}

[[noreturn]] void fail_link(const std::string& path) {
  fail(ErrorCode::denied,
       cat(path, ": a link is in the way, or leads out of the folder: remove it"));
}

/// -1 and errno, as openat; ELOOP for a link.
int open_part(int folder, const std::string& part) {
  if (part == "..") {
    errno = ELOOP;
    return -1;
  }
  const int opened =
      uninterrupted([&] { return ::openat(folder, part.c_str(), kFolder | O_NOFOLLOW); });
  struct stat s = {};
  if (opened >= 0 || errno != ENOTDIR) return opened;
  const bool link =
      ::fstatat(folder, part.c_str(), &s, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(s.st_mode);
  errno = link ? ELOOP : ENOTDIR;
  return -1;
}

/// The folder `name` below `folder`, part by part.
int open_parts(int folder, std::string_view name) {
  int at = ::fcntl(folder, F_DUPFD_CLOEXEC, 0);
  while (at >= 0 && !name.empty()) {
    const size_t slash = std::min(name.find('/'), name.size());
    const std::string part(name.substr(0, slash));
    name.remove_prefix(std::min(slash + 1, name.size()));
    if (part.empty() || part == ".") continue;
    const int next = open_part(at, part);
    const int error = errno;
    ::close(at);
    errno = error;
    at = next;
  }
  return at;
}

}  // namespace

ConfinedFolder::ConfinedFolder(const std::string& root) {
  Roots& known = roots();
  const std::lock_guard lock(known.mutex);
  known.all.push_back({this, root});
}

ConfinedFolder::~ConfinedFolder() {
  Roots& known = roots();
  const std::lock_guard lock(known.mutex);
  const auto own = std::find_if(known.all.begin(), known.all.end(),
                                [this](const Root& root) { return root.owner == this; });
  own->close();
  known.all.erase(own);
}

namespace posix {

Place::Place(const std::string& path) : name_(path) {
  const Above above(path);
  if (above.length == 0) return;
  folder_ = above.folder.fd();
  if (folder_ < 0) return;
  const size_t slash = path.rfind('/');
  name_ = path.substr(slash + 1);
  const std::string parent =
      slash > above.length ? path.substr(above.length + 1, slash - above.length - 1) : ".";
  folder_ = open_resolved(above.folder.fd(), parent, kFolder, RESOLVE_NO_SYMLINKS);
  if (folder_ < 0 && errno == ENOSYS) folder_ = open_parts(above.folder.fd(), parent);
  if (folder_ < 0 && errno == ELOOP) fail_link(path);
}

Place::~Place() {
  const int error = errno;
  if (folder_ >= 0) ::close(folder_);
  errno = error;
}

int rename(const Place& from, const Place& to) {
  return from([&](int folder, const char* name) {
    return to(
        [&](int other, const char* wanted) { return ::renameat(folder, name, other, wanted); });
  });
}

int open_to_read(const std::string& path, int flags) {
  const Above above(path);
  if (above.length > 0) {
    if (!above.folder) return -1;
    const int file = open_resolved(above.folder.fd(), path.substr(above.length + 1), flags, 0);
    if (file < 0 && errno == ELOOP) fail_link(path);
    if (file >= 0 || errno != ENOSYS) return file;
  }
  return uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC); });
}

}  // namespace posix

}  // namespace tern
