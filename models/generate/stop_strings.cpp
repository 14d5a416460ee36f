// SPDX-License-Identifier: Apache-2.0
#include "stop_strings.h"

#include <algorithm>

#include "../../engine/base/error.h"

namespace tern {

StopStrings::StopStrings(Tokenizer tokenizer, std::vector<std::string> strings)
    : tokenizer_(std::move(tokenizer)), strings_(std::move(strings)) {
  for (const std::string& s : strings_) {
    if (s.empty()) fail(ErrorCode::invalid_argument, "generate: a stop string is empty");
    longest_ = std::max(longest_, s.size());
  }
}

bool StopStrings::end_in_last(std::span<const int64_t> ids) const {
  if (ids.empty() || strings_.empty()) return false;
  // One more than can be of the string: the first token of a text may lose its blank.
  const auto tail = ids.last(std::min(ids.size(), longest_ + 1));
  const auto decoded = [&](std::span<const int64_t> part) {
    return tokenizer_.decode(part, {.clean_up_tokenization_spaces = false});
  };
  const std::string text = decoded(tail), before = decoded(tail.first(tail.size() - 1));
  // What the last token changed: less than what it added where it completes a character.
  const size_t known = static_cast<size_t>(
      std::mismatch(before.begin(), before.end(), text.begin(), text.end()).first - before.begin());
  return std::any_of(strings_.begin(), strings_.end(), [&](const std::string& s) {
    const size_t from = known >= s.size() ? known - s.size() + 1 : 0;
    return text.find(s, from) != std::string::npos;
  });
}

}  // namespace tern
