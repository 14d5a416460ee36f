// SPDX-License-Identifier: Apache-2.0
// Matcher: a pattern over bytes, compiled by a library for backtracking (PCRE2). Limits on steps,
// memory and time make every search end.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace tern::text {

class Matcher {
 public:
  struct Match {
    size_t begin, end;
  };
  using Deadline = std::chrono::steady_clock::time_point;

  virtual ~Matcher() = default;
  /// `expression` in the library's syntax, bytes without meaning beyond themselves. `continues`: a
  /// search may go on in steps (no \G). unsupported when the library refuses it.
  static std::unique_ptr<const Matcher> compile(const std::string& expression, bool continues,
                                                std::string_view what);
  /// The first match that begins at `from` or later. Error deadline when a limit is hit.
  virtual bool find(std::string_view bytes, size_t from, Deadline deadline, Match& match) const = 0;
};

}  // namespace tern::text
