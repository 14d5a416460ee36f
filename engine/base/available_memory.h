// SPDX-License-Identifier: Apache-2.0
// How much memory this process may still take.
#pragma once

#include <cstdint>
#include <optional>

#include "api.h"
#include "cpus.h"

namespace tern {

/// Bytes: the system's MemAvailable, or less where the process' cgroup (version 2) or the one that
/// a container sees at its root leaves less. nullopt where neither tells.
TERN_API std::optional<uint64_t> available_memory(const ReadText& read);
/// The same of this machine.
TERN_API std::optional<uint64_t> available_memory();

}  // namespace tern
