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
/// Each id decodes anew all since the last certain part. When those are more than this, all in the
/// middle are forgotten but for the first and last of them: the effects of a beginning and the
/// bytes of unfinished characters.
constexpr size_t kMostIds = 128, kFirst = 32, kLast = 32;

/// Bytes of `text` before the U+FFFD at its end that bytes to come may replace, when more than
/// `most` of them never wait.
size_t certain(std::string_view text, size_t most) {
  size_t held = 0, end = text.size();
  for (; text.ends_with(kReplacement); ++held) text.remove_suffix(kReplacement.size());
  if (held <= most) return text.size();
  return end - kMostPending * kReplacement.size();
}

}  // namespace

std::string TextStream::text() const {
  return tokenizer_.decode(
      ids_, {.skip_special_tokens = skip_special_tokens_, .clean_up_tokenization_spaces = false});
}

/// What was held back stays so; it is at the end of the text, whose present size is given.
void TextStream::forget_middle(size_t size) {
  const auto begin = ids_.begin() + static_cast<std::ptrdiff_t>(context_);
  ids_.erase(begin + kFirst, ids_.end() - kLast);
  const size_t given = given_ + text().size();
  given_ = given > size ? given - size : 0;
}

std::string TextStream::push(int64_t id) {
  if (tokenizer_.convert_ids_to_tokens({&id, 1}, skip_special_tokens_).empty()) return {};
  ids_.push_back(id);
  const bool full = ids_.size() - context_ > kMostIds;
  const std::string all = text();
  const size_t end = certain(all, full ? kMostPending : kMostHeld);
  std::string out;
  while (given_ < end && text::is_continuation(all[given_])) ++given_;  // earlier text has changed
  if (end > given_) out = all.substr(given_, end - given_);
  given_ = std::max(given_, end);
  if (end < all.size() || out.empty()) {
    if (full) forget_middle(all.size());
    return out;
  }
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
