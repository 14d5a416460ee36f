// SPDX-License-Identifier: Apache-2.0
// RandomText: hostile texts for one vocabulary: code points of every plane and at the edges of
// Unicode's classes, tokens as they are written and as they are decoded, whole and cut within a
// character, added tokens, blanks, any bytes, and all that over and over.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "../../../models/text/pipeline.h"

namespace tern::test {

class RandomText {
 public:
  /// `pipeline` must outlive this.
  RandomText(const Tokenizer::Pipeline& pipeline, uint32_t seed);

  /// Seldom valid UTF-8; mostly less than 100 bytes.
  std::string operator()();
  /// The same, but valid.
  std::string valid();

  size_t below(size_t n) { return random_() % n; }

 private:
  std::string part();
  char32_t code_point();

  const Tokenizer::Pipeline& pipeline_;
  std::mt19937 random_;
};

/// Where a property changes: the last code point with a value and the first one with the next.
const std::vector<char32_t>& class_boundaries();

}  // namespace tern::test
