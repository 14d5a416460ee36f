// SPDX-License-Identifier: Apache-2.0
#include "available_memory.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

#include "env.h"
#include "error.h"

namespace tern {

namespace {

std::optional<uint64_t> number_in(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? std::optional(value) : std::nullopt;
}

std::optional<uint64_t> smaller(std::optional<uint64_t> a, std::optional<uint64_t> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

/// memory.max says "max" where there is no limit.
std::optional<uint64_t> left_in(const std::string& group, const ReadText& read) {
  const auto limit = read(group + "/memory.max");
  const auto most = limit ? number_in(*limit) : std::nullopt;
  const auto used = most ? read(group + "/memory.current") : std::nullopt;
  const auto now = used ? number_in(*used) : std::nullopt;
  if (!now) return std::nullopt;
  return *most - std::min(*most, *now);
}

}  // namespace

std::optional<uint64_t> available_memory(const ReadText& read) {
  constexpr std::string_view kField = "MemAvailable:", kGroup = "0::";
  std::optional<uint64_t> bytes;
  if (const auto info = read("/proc/meminfo")) {
    const size_t at = info->find(kField);
    const auto kilobytes = at == info->npos
                               ? std::nullopt
                               : number_in(std::string_view(*info).substr(at + kField.size()));
    if (kilobytes) bytes = *kilobytes << 10;
  }
  const std::string root = "/sys/fs/cgroup";
  bytes = smaller(bytes, left_in(root, read));
  const auto table = read("/proc/self/cgroup");
  const size_t at = table ? table->find(kGroup) : std::string::npos;
  if (at == std::string::npos) return bytes;
  std::string path = table->substr(at + kGroup.size());
  path.resize(std::min(path.find('\n'), path.size()));
  for (; path.size() > 1; path.resize(path.rfind('/'))) {
    bytes = smaller(bytes, left_in(root + path, read));
    if (path.rfind('/') == std::string::npos) break;
  }
  return bytes;
}

std::optional<uint64_t> available_memory() {
  return available_memory([](const std::string& path) -> std::optional<std::string> {
    constexpr uint64_t kMost = uint64_t{1} << 20;
    try {
      if (env().stat(path).exists) return env().read_file(path, kMost);
    } catch (const Error&) {
      return std::nullopt;  // not to be read here
    }
    return std::nullopt;
  });
}

}  // namespace tern
