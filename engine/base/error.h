// SPDX-License-Identifier: Apache-2.0
// The one exception type of tern. Codes are also the C API's return values and, through
// exit_code(), the program's exit codes. Immutable, so safe to share between threads.
#pragma once

#include <stdexcept>
#include <string>

#include "api.h"

namespace tern {

enum class ErrorCode : int {
  internal = 1,
  invalid_argument = 2,
  not_found = 3,
  corrupt = 4,
  unsupported = 5,
  io = 6,
  network = 7,
  denied = 8,
  out_of_memory = 9,
  cancelled = 10,
  deadline = 11,
};

/// "invalid_argument", "corrupt", …
TERN_API const char* to_string(ErrorCode code) noexcept;

/// What the `tern` program returns for an error: 1 … 9 as the code, 130 cancelled, 124 deadline.
TERN_API int exit_code(ErrorCode code) noexcept;

class TERN_API Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

/// Throws Error. The message says what, where, expected and found, and what to do.
[[noreturn]] TERN_API void fail(ErrorCode code, const std::string& message);

}  // namespace tern
