// SPDX-License-Identifier: Apache-2.0
#include "../../../engine/base/cpus.h"

#include <doctest/doctest.h>

#include <map>

using namespace tern;

namespace {

using Files = std::map<std::string, std::string>;

std::optional<double> limit(const Files& files) {
  return cgroup_cpu_limit([&](const std::string& path) -> std::optional<std::string> {
    const auto found = files.find(path);
    return found == files.end() ? std::nullopt : std::optional(found->second);
  });
}

}  // namespace

TEST_CASE("a quota is understood in both cgroup forms, anything else is no limit") {
  CHECK(parse_cpu_max("150000 100000\n") == 1.5);
  CHECK_FALSE(parse_cpu_max("max 100000\n"));
  for (const char* wrong : {"", "\n", "100000", "0 100000", "1 0", "-1 100", "1 1 1", "x y",
                            "99999999999999999999 1", " 1 2"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_cpu_max(wrong));
  }
  CHECK(parse_cfs_quota("50000\n", "100000\n") == 0.5);
  CHECK_FALSE(parse_cfs_quota("-1\n", "100000\n"));
  CHECK_FALSE(parse_cfs_quota("50000", ""));
}

TEST_CASE("the smallest quota from the process' cgroup up to the root counts") {
  CHECK(limit({{"/proc/self/cgroup", "0::/a/b\n"},
               {"/sys/fs/cgroup/a/b/cpu.max", "max 100000\n"},
               {"/sys/fs/cgroup/a/cpu.max", "200000 100000\n"},
               {"/sys/fs/cgroup/cpu.max", "300000 100000\n"}}) == 2.0);
  CHECK(limit({{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/cpu.max", "300000 100000\n"}}) == 3.0);
}

TEST_CASE("a container that sees the host's path still finds the quota at its own root") {
  CHECK(limit({{"/proc/self/cgroup", "4:memory:/m\n3:cpu,cpuacct:/docker/abc\n"},
               {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "250000\n"},
               {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"}}) == 2.5);
  CHECK(limit({{"/proc/self/cgroup", "3:cpuacct,cpu:/x\n"},
               {"/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "100000\n"},
               {"/sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n"}}) == 1.0);
}

TEST_CASE("no cgroup, no quota, and lines that make no sense are no limit") {
  CHECK_FALSE(limit({}));
  CHECK_FALSE(limit({{"/proc/self/cgroup", ""}}));
  CHECK_FALSE(limit({{"/proc/self/cgroup", "nonsense\n::\n0:\n0::\n:::::\n0::////\n0::../..\n"}}));
  CHECK_FALSE(limit({{"/proc/self/cgroup", "2:cpuset:/\n"},
                     {"/sys/fs/cgroup/cpuset/cpu.cfs_quota_us", "1"},
                     {"/sys/fs/cgroup/cpuset/cpu.cfs_period_us", "1"}}));
}
