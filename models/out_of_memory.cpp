// SPDX-License-Identifier: Apache-2.0
#include "out_of_memory.h"

#include "../engine/base/format.h"

namespace tern {

namespace {

constexpr const char* kAdvice =
    ": free some, raise the limit (ulimit -v, memory.max of the cgroup), or keep less of the model "
    "in memory (quantize, dtype, device_map)";

const Error kNameless(ErrorCode::out_of_memory, cat("no memory is left", kAdvice));

}  // namespace

Error out_of_memory(std::string_view what) {
  try {
    return Error(ErrorCode::out_of_memory, cat(what, ": no memory is left", kAdvice));
  } catch (const std::bad_alloc&) {
    throw kNameless;
  }
}

Error with_cause(const Error& ended, const Error& cause) noexcept {
  if (std::string_view(cause.what()).starts_with(ended.what())) return cause;
  try {
    return Error(ErrorCode::out_of_memory, cat(ended.what(), " (", cause.what(), ")"));
  } catch (const std::bad_alloc&) {
    return ended;
  }
}

}  // namespace tern
