// SPDX-License-Identifier: Apache-2.0
// Version of the library and what it runs on.
#pragma once

#include <string>

#include "../engine/base/api.h"

namespace tern {

/// "0.1.0"
TERN_API const char* version() noexcept;
/// One line: version, backend, threads of the shared pool, compiler.
TERN_API std::string build_info();

}  // namespace tern
