// SPDX-License-Identifier: Apache-2.0
// Scanner: what cuts a text by a pattern without backtracking. Hand-written ones for the patterns
// of the best-known tokenizers; for others see automaton.h.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace tern::text {

inline constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
/// That of cl100k_base (GPT-4) and Llama 3.
inline constexpr std::string_view kCl100kPattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// Cuts a text into matches of a pattern and the gaps between them.
class Scanner {
 public:
  struct Cut {
    size_t end;
    bool match;
  };
  virtual ~Scanner() = default;

  /// The piece that begins at `from` < text.size(), where the last one ended or the text begins;
  /// `text` is valid UTF-8. A gap is as long as it can be.
  virtual Cut next(std::string_view text, size_t from) const = 0;

  /// The hand-written scanner of exactly this pattern, or null. It leaves no gaps.
  static std::unique_ptr<const Scanner> find(std::string_view pattern);
};

}  // namespace tern::text
