// SPDX-License-Identifier: Apache-2.0
// Hand-written scanners for the patterns of well-known tokenizers. These patterns cut a text into
// pieces without gaps: what begins where the last piece ended does not depend on what came before.
#pragma once

#include <cstddef>
#include <string_view>

#include "char_kinds.h"

namespace tern::text {

inline constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
/// That of cl100k_base (GPT-4) and Llama 3.
inline constexpr std::string_view kCl100kPattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";

class Scanner {
 public:
  /// The scanner of exactly this pattern, or false.
  static bool find(std::string_view pattern, Scanner& scanner);

  /// The end of the piece that begins at `from` < text.size(); `text` is valid UTF-8.
  size_t next(std::string_view text, size_t from) const { return next_(*kinds_, text, from); }

 private:
  using Next = size_t (*)(const CharKinds& kinds, std::string_view text, size_t from);
  Next next_ = nullptr;
  const CharKinds* kinds_ = nullptr;
};

}  // namespace tern::text
