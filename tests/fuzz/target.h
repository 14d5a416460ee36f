// SPDX-License-Identifier: Apache-2.0
// What every fuzz target shares: an Error is an answer, anything else that happens is a finding.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "../../engine/base/bytes.h"
#include "../../engine/base/error.h"

namespace tern::fuzz {

/// A property that does not hold: libFuzzer keeps the input.
[[noreturn]] inline void finding(const char* what) {
  std::fprintf(stderr, "finding: %s\n", what);
  std::abort();
}

template <class Call>
int answer(Call call) {
  try {
    call();
  } catch (const Error&) {
    return 0;
  }
  return 0;
}

inline Bytes input(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const std::byte*>(data), size};
}

}  // namespace tern::fuzz
