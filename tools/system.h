// SPDX-License-Identifier: Apache-2.0
// A failed system call on a file, as an Error with the code that fits errno.
#pragma once

#include <cerrno>
#include <cstring>
#include <string_view>

#include "../engine/base/error.h"
#include "../engine/base/format.h"

namespace tern::cli {

/// `doing` completes "cannot … <name>": "open", "write".
[[noreturn]] inline void fail_system(std::string_view name, std::string_view doing) {
  const int number = errno;
  ErrorCode code = ErrorCode::io;
  if (number == ENOENT || number == ENOTDIR) code = ErrorCode::not_found;
  if (number == EACCES || number == EPERM || number == EROFS) code = ErrorCode::denied;
  fail(code, cat(name, ": cannot ", doing, ": ", std::strerror(number)));
}

}  // namespace tern::cli
