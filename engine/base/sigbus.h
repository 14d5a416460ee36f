// SPDX-License-Identifier: Apache-2.0
// A file truncated while it is mapped raises SIGBUS on access, which no library call can turn into
// an Error. A program may turn this guard on: the process then ends with one sentence that names
// the file, instead of a core dump. Faults outside tern's mappings go to whoever handled them
// before. Env::map_file registers mappings whether the guard is on or not.
#pragma once

#include <cstddef>

#include "api.h"

namespace tern {

/// Called in the signal handler: async-signal-safe code only. When it returns, the process ends.
using SigbusCallback = void (*)(const char* path);

/// Installs the SIGBUS handler for the whole process; a second call only changes the arguments.
/// Without a callback the sentence goes to stderr. The process ends by _exit(status).
TERN_API void install_sigbus_guard(int status = 6, SigbusCallback callback = nullptr);

/// The live mappings. A mapping that cannot be recorded (no memory) is merely not guarded.
void guard_mapping(const std::byte* data, size_t size, const char* path) noexcept;
void unguard_mapping(const std::byte* data) noexcept;

}  // namespace tern
