// SPDX-License-Identifier: Apache-2.0
#include "error.h"

namespace tern {

const char* to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::internal: return "internal";
    case ErrorCode::invalid_argument: return "invalid_argument";
    case ErrorCode::not_found: return "not_found";
    case ErrorCode::corrupt: return "corrupt";
    case ErrorCode::unsupported: return "unsupported";
    case ErrorCode::io: return "io";
    case ErrorCode::network: return "network";
    case ErrorCode::denied: return "denied";
    case ErrorCode::out_of_memory: return "out_of_memory";
    case ErrorCode::cancelled: return "cancelled";
    case ErrorCode::deadline: return "deadline";
  }
  return "internal";
}

int exit_code(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::cancelled: return 130;
    case ErrorCode::deadline: return 124;
    default: return static_cast<int>(code);
  }
}

void fail(ErrorCode code, const std::string& message) { throw Error(code, message); }

}  // namespace tern
