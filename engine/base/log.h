// SPDX-License-Identifier: Apache-2.0
// Warnings, loading reports and progress leave the library through these callbacks only; it never
// writes to stdout or stderr and is silent until one is set. Setting and calling are thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "api.h"

namespace tern {

enum class LogLevel { debug, info, warning };

using LogCallback = std::function<void(LogLevel, std::string_view message)>;
/// stage: "load", "embed", …; done and total in units of that stage (bytes, texts); total 0 = unknown.
using ProgressCallback = std::function<void(std::string_view stage, uint64_t done, uint64_t total)>;

TERN_API void set_log_callback(LogCallback callback);
TERN_API void set_progress_callback(ProgressCallback callback);

TERN_API void log(LogLevel level, std::string_view message);
TERN_API void progress(std::string_view stage, uint64_t done, uint64_t total);

}  // namespace tern
