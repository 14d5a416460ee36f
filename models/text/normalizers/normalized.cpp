// SPDX-License-Identifier: Apache-2.0
// Keeping track of where characters came from; see normalized.h.
#include "normalized.h"

namespace tern::text {

void Normalized::assign(std::string_view piece, int32_t begin_char, bool track) {
  text.assign(piece);
  origin.clear();
  tracked = track;
  begin = begin_char;
  if (!track) return;
  origin.reserve(piece.size());
  int32_t at = begin_char - 1;
  for (const char c : piece) {
    if (!is_continuation(c)) ++at;
    origin.push_back(at);
  }
}

void Normalized::assign(const Normalized& other, size_t from, size_t to) {
  text.assign(other.text, from, to - from);
  tracked = other.tracked;
  begin = other.begin;
  begins_original = other.begins_original && from == 0;
  origin.clear();
  if (!tracked) return;
  const auto at = other.origin.begin();
  origin.assign(at + static_cast<std::ptrdiff_t>(from), at + static_cast<std::ptrdiff_t>(to));
}

std::pair<int32_t, int32_t> Normalized::origin_of(size_t from, size_t to) const noexcept {
  const int32_t first = origin[from], last = origin[to - 1];
  return {first >= 0 ? first : -1 - first, last >= 0 ? last + 1 : -1 - last};
}

Rewriter::Rewriter(Normalized& source) : source_(source) {
  text_.reserve(source.text.size() + source.text.size() / 8);
  if (source.tracked) origin_.reserve(source.text.size());
}

char32_t Rewriter::peek() const noexcept {
  size_t i = at_;
  return next_char(source_.text, i);
}

std::string_view Rewriter::peek_bytes() const noexcept {
  return std::string_view(source_.text).substr(at_, utf8_length(source_.text[at_]));
}

void Rewriter::put(char32_t c, int32_t origin) {
  char bytes[4];
  const size_t length = put_char(c, bytes);
  text_.append(bytes, length);
  if (source_.tracked) origin_.insert(origin_.end(), length, origin);
}

size_t Rewriter::keep() {
  const size_t length = utf8_length(source_.text[at_]);
  text_.append(source_.text, at_, length);
  if (source_.tracked) origin_.insert(origin_.end(), length, source_.origin[at_]);
  at_ += length;
  return length;
}

void Rewriter::replace(char32_t c) {
  if (done()) return insert(c);
  put(c, source_.tracked ? source_.origin[at_] : 0);
  at_ += utf8_length(source_.text[at_]);
}

void Rewriter::insert(char32_t c) {
  const int32_t before = at_ == 0 ? -1 - source_.begin : 0;
  put(c, at_ > 0 && source_.tracked ? source_.origin[at_ - 1] : before);
}

void Rewriter::skip() {
  at_ += utf8_length(source_.text[at_]);
}

void Rewriter::apply(const Change& change) {
  if (change.change > 0) return insert(change.c);
  replace(change.c);
  for (int32_t k = change.change; k < 0 && !done(); ++k) skip();
}

void Rewriter::replace_bytes(size_t size, std::string_view content) {
  at_ += size;
  for (size_t i = 0; i < content.size();) insert(next_char(content, i));
}

void Rewriter::finish() {
  source_.text.swap(text_);
  source_.origin.swap(origin_);
}

}  // namespace tern::text
