// SPDX-License-Identifier: Apache-2.0
#include "../../../engine/base/available_memory.h"

#include <doctest/doctest.h>

#include <map>
#include <string>

using namespace tern;

namespace {

using Files = std::map<std::string, std::string>;

std::optional<uint64_t> available(const Files& files) {
  return available_memory([&](const std::string& path) -> std::optional<std::string> {
    const auto found = files.find(path);
    return found == files.end() ? std::nullopt : std::optional(found->second);
  });
}

}  // namespace

TEST_CASE("the memory that is left is the least of the system's and of each group's") {
  const std::string info = "MemTotal:  100 kB\nMemAvailable:      50 kB\nBuffers: 1 kB\n";
  const Files plain = {{"/proc/meminfo", info}};
  CHECK(available(plain) == 50 << 10);
  Files groups = plain;
  groups["/proc/self/cgroup"] = "0::/a/b\n";
  groups["/sys/fs/cgroup/a/memory.max"] = "30000\n";
  groups["/sys/fs/cgroup/a/memory.current"] = "10000\n";
  groups["/sys/fs/cgroup/a/b/memory.max"] = "max\n";
  groups["/sys/fs/cgroup/a/b/memory.current"] = "1\n";
  CHECK(available(groups) == 20000);
  groups["/sys/fs/cgroup/memory.max"] = "7000\n";  // a container's own, at its root
  groups["/sys/fs/cgroup/memory.current"] = "9000\n";
  CHECK(available(groups) == 0);
  for (const char* path : {"a/b", "/", "", ":::", "/a//b/", "no newline"}) {
    Files odd = plain;
    odd["/proc/self/cgroup"] = std::string("0::") + path;
    CHECK(available(odd) == 50 << 10);
  }
  CHECK(!available({}));
  CHECK(!available({{"/proc/meminfo", "MemAvailable: much\n"}}));
  CHECK(available_memory().value_or(0) > 0);
}
