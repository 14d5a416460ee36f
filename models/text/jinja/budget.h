// SPDX-License-Identifier: Apache-2.0
// What a template may use. Templates come with models from anywhere: whatever they do ends, soon,
// in text or in an Error.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tern::jinja {

struct Limits {
  /// Nodes evaluated, items gone through, and every 64 bytes of text made.
  int64_t steps = 1'000'000;
  /// Of the output, and of every other string.
  size_t bytes = size_t{16} << 20;
  /// Blocks and parentheses nested in one another, counted together over the whole template; and
  /// calls of macros, loops and filters that call filters.
  int depth = 100;
  /// Of the template's own text.
  size_t source = size_t{1} << 20;
};

/// JSON that comes in may be nested deeper than what a template makes itself.
inline constexpr int kDeepestValue = 500;
/// Parts of one value.
inline constexpr int64_t kHeaviestValue = 4'000'000;
/// Nested evaluations of all kinds, 300 to 500 bytes of stack each. One level of Limits::depth has
/// up to ten, one for each level of precedence.
inline constexpr int kDeepestEvaluation = 1500;

}  // namespace tern::jinja
