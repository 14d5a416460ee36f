// SPDX-License-Identifier: Apache-2.0
#include "version.h"

#include "../engine/base/format.h"
#include "../engine/context.h"

namespace tern {

const char* version() noexcept {
  return TERN_VERSION;
}

std::string build_info() {
#if defined(__clang__)
  constexpr const char* kCompiler = "clang " __clang_version__;
#elif defined(__GNUC__)
  constexpr const char* kCompiler = "gcc " __VERSION__;
#else
  constexpr const char* kCompiler = "unknown compiler";
#endif
  return cat("tern ", version(), ", ", cpu_isa(), ", ", ThreadPool::shared().threads(),
             " threads, ", kCompiler);
}

}  // namespace tern
