// SPDX-License-Identifier: Apache-2.0
#include "cpus.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <memory>

namespace tern {

namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  return text;
}

std::optional<int64_t> parse_integer(std::string_view text) {
  text = trimmed(text);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> ratio(std::optional<int64_t> quota, std::optional<int64_t> period) {
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

std::optional<double> smaller(std::optional<double> a, std::optional<double> b) {
  if (!a) return b;
  return b ? std::min(*a, *b) : a;
}

/// The limit of one group in the hierarchy mounted at `root`.
std::optional<double> limit_of(const std::string& group, bool v2, const ReadText& read) {
  if (v2) {
    const auto text = read(group + "/cpu.max");
    return text ? parse_cpu_max(*text) : std::nullopt;
  }
  const auto quota = read(group + "/cpu.cfs_quota_us");
  const auto period = quota ? read(group + "/cpu.cfs_period_us") : std::nullopt;
  return period ? parse_cfs_quota(*quota, *period) : std::nullopt;
}

/// Walks from `path` up to the root of the mount. In a container the path may be the host's and not
/// exist below the mount; the mount's root is then the container's own group and is still read.
std::optional<double> limit_above(const std::string& root, std::string path, bool v2,
                                  const ReadText& read) {
  std::optional<double> limit;
  while (true) {
    while (!path.empty() && path.back() == '/') path.pop_back();
    limit = smaller(limit, limit_of(root + path, v2, read));
    if (path.empty()) return limit;
    path.resize(path.find_last_of('/') == std::string::npos ? 0 : path.find_last_of('/'));
  }
}

bool names_cpu(std::string_view controllers) {
  while (!controllers.empty()) {
    const size_t comma = std::min(controllers.find(','), controllers.size());
    if (controllers.substr(0, comma) == "cpu") return true;
    controllers.remove_prefix(std::min(comma + 1, controllers.size()));
  }
  return false;
}

}  // namespace

std::optional<double> parse_cpu_max(std::string_view text) {
  text = trimmed(text);
  const size_t space = text.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  return ratio(parse_integer(text.substr(0, space)), parse_integer(text.substr(space + 1)));
}

std::optional<double> parse_cfs_quota(std::string_view quota, std::string_view period) {
  return ratio(parse_integer(quota), parse_integer(period));
}

std::optional<double> cgroup_cpu_limit(const ReadText& read) {
  const auto table = read("/proc/self/cgroup");
  if (!table) return std::nullopt;
  std::optional<double> limit;
  std::string_view rest = *table;
  while (!rest.empty()) {  // id:controllers:path
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const size_t first = line.find(':');
    const size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string path(line.substr(second + 1));
    if (controllers.empty()) {
      limit = smaller(limit, limit_above("/sys/fs/cgroup", path, true, read));
      limit = smaller(limit, limit_above("/sys/fs/cgroup/unified", path, true, read));
    } else if (names_cpu(controllers)) {
      const std::string mount = "/sys/fs/cgroup/" + std::string(controllers);
      limit = smaller(limit, limit_above(mount, path, false, read));
      if (controllers != "cpu") limit = smaller(limit, limit_above("/sys/fs/cgroup/cpu", path, false, read));
    }
  }
  return limit;
}

int affinity_cpus() noexcept {
  // The kernel refuses a mask smaller than its own; 2^16 CPUs is past any machine.
  for (size_t cpus = 1024; cpus <= size_t{1} << 16; cpus *= 4) {
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(
        CPU_ALLOC(cpus), [](cpu_set_t* s) { CPU_FREE(s); });
    if (!set) break;
    if (sched_getaffinity(0, CPU_ALLOC_SIZE(cpus), set.get()) == 0) {
      return std::max(1, CPU_COUNT_S(CPU_ALLOC_SIZE(cpus), set.get()));
    }
  }
  return static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
}

}  // namespace tern
