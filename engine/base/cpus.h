// SPDX-License-Identifier: Apache-2.0
// How many CPUs this process may use. The parsers work on text, so that tests bring their own
// cgroup tree; Env::usable_cpus and Env::cpu_quota give them the real one.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tern {

/// The text of a small file, nullopt when it cannot be read.
using ReadText = std::function<std::optional<std::string>(const std::string& path)>;

/// cgroup v2 "cpu.max": "max 100000" (no limit) or "150000 100000" (1.5 CPUs).
std::optional<double> parse_cpu_max(std::string_view text);
/// cgroup v1 "cpu.cfs_quota_us" and "cpu.cfs_period_us"; quota -1 means no limit.
std::optional<double> parse_cfs_quota(std::string_view quota, std::string_view period);
/// The smallest quota, in CPUs, of this process' cgroup (/proc/self/cgroup) and all above it.
std::optional<double> cgroup_cpu_limit(const ReadText& read);

/// CPUs in the calling thread's affinity mask, ≥ 1.
int affinity_cpus() noexcept;

}  // namespace tern
