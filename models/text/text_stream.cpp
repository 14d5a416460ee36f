// SPDX-License-Identifier: Apache-2.0
// Holding back what may still change; see text_stream.h.
#include "text_stream.h"

#include <algorithm>
#include <string_view>

#include "unicode/utf8.h"

namespace tern {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
/// A character has up to three bytes before its last, and a decoder may show each as U+FFFD.
constexpr size_t kMostPending = 3;
/// ByteFallback shows a whole run of bytes so until its last character is complete: all of it is
/// held back, but not more than this.
constexpr size_t kMostHeld = 64;

/// Bytes of `text` before the U+FFFD at its end that bytes to come may replace.
size_t certain(std::string_view text) {
  size_t held = 0, end = text.size();
  for (; text.ends_with(kReplacement); ++held) text.remove_suffix(kReplacement.size());
  if (held <= kMostHeld) return text.size();
  return end - kMostPending * kReplacement.size();
}

}  // namespace

std::string TextStream::text() const {
  return tokenizer_.decode(
      ids_, {.skip_special_tokens = skip_special_tokens_, .clean_up_tokenization_spaces = false});
}

std::string TextStream::push(int64_t id) {
  ids_.push_back(id);
  const std::string all = text();
  const size_t end = certain(all);
  std::string out;
  while (given_ < end && text::is_continuation(all[given_])) ++given_;  // earlier text has changed
  if (end > given_) out = all.substr(given_, end - given_);
  given_ = std::max(given_, end);
  if (end < all.size() || out.empty()) return out;
  ids_.erase(ids_.begin(), ids_.begin() + static_cast<std::ptrdiff_t>(context_));
  context_ = ids_.size();
  given_ = text().size();
  return out;
}

std::string TextStream::finish() {
  const std::string all = text();
  size_t begin = std::min(given_, all.size());
  while (begin < all.size() && text::is_continuation(all[begin])) ++begin;
  std::string out = all.substr(begin);
  ids_.clear();
  context_ = given_ = 0;
  return out;
}

}  // namespace tern
