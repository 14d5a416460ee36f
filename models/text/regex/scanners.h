// SPDX-License-Identifier: Apache-2.0
// Hand-written scanners for the patterns of well-known tokenizers. These patterns cut a text into
// pieces without gaps: what begins where the last piece ended does not depend on what came before.
#pragma once

#include <cstddef>
#include <string_view>

#include "char_kinds.h"

namespace tern::text {

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
