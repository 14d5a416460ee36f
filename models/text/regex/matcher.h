// SPDX-License-Identifier: Apache-2.0
// Matcher: a pattern over bytes or UTF-8, compiled by a library for backtracking (PCRE2). Limits on
// steps, memory and time make every search end.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace tern::text {

/// Machine code where the system lets it be made; interpreted for tests of where it does not.
enum class Execution : uint8_t { native, interpreted };

/// What a text consists of.
enum class Units : uint8_t { bytes, characters };

class Matcher {
 public:
  struct Match {
    size_t begin, end;
  };
  using Deadline = std::chrono::steady_clock::time_point;

  virtual ~Matcher() = default;
  /// `expression` in the library's syntax, ASCII; units without meaning beyond themselves.
  /// unsupported when the library refuses it.
  static std::unique_ptr<const Matcher> compile(const std::string& expression,
                                                std::string_view what, Execution execution,
                                                Units units = Units::bytes);
  /// A match can begin only where a search begins (\G) or where the text does (\A). A search goes
  /// on in steps otherwise: \G means nothing there.
  virtual bool anchored() const = 0;
  /// The first match that begins at `from` or later. Error deadline when a limit is hit.
  virtual bool find(std::string_view bytes, size_t from, Deadline deadline, Match& match) const = 0;
};

}  // namespace tern::text
