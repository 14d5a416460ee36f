// SPDX-License-Identifier: Apache-2.0
// StopStrings: whether a text that grows token by token has just come to one of a few strings, as
// Transformers' StopStringCriteria: a string ends within the text of the last token, wherever it
// began, in the prompt too.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "../text/tokenizer.h"

namespace tern {

class StopStrings {
 public:
  /// invalid_argument when one is empty.
  StopStrings(Tokenizer tokenizer, std::vector<std::string> strings);
  /// Of the last of these ids, prompt included. Looks at as many of them as the longest string has
  /// bytes.
  bool end_in_last(std::span<const int64_t> ids) const;

 private:
  Tokenizer tokenizer_;
  std::vector<std::string> strings_;
  size_t longest_ = 0;
};

}  // namespace tern
