// SPDX-License-Identifier: Apache-2.0
// What both kinds of formats share: a cursor, and padding. percent_format.cpp, brace_format.cpp.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "../unicode/utf8.h"
#include "runtime.h"

namespace tern::jinja {

inline constexpr int64_t kWidest = 100'000;

/// Fill, alignment, sign, width: what both kinds of formats have.
struct Layout {
  std::string fill = " ";
  char align = 0;  // < > ^ =
  char sign = '-';
  int64_t width = 0;
};

/// `sign` and `body` in the layout's width; `fallback`: where it does not say how to align.
std::string padded(const Layout& layout, std::string_view sign, std::string_view body,
                   char fallback);
std::string_view sign_of(bool negative, char style);
uint64_t magnitude(int64_t i) noexcept;
/// The value as a float; fails for what is no number.
double real_number(Runtime& r, const Value& v);
/// The first `precision` code points; all when it is negative.
std::string first_chars(const std::string& text, int64_t precision);

/// A cursor over a format, and what reads its parts.
class Reader {
 public:
  Reader(Runtime& r, std::string_view format) : r_(r), format_(format) {}
  bool done() const { return at_ >= format_.size(); }
  char peek() const { return done() ? '\0' : format_[at_]; }
  char take() {
    if (done()) r_.fail("incomplete format");
    return format_[at_++];
  }
  bool skip(char c) {
    if (peek() != c || done()) return false;
    ++at_;
    return true;
  }
  int64_t number(int64_t fallback) {
    if (peek() < '0' || peek() > '9') return fallback;
    int64_t n = 0;
    while (peek() >= '0' && peek() <= '9') {
      n = n * 10 + (take() - '0');
      if (n > kWidest) r_.fail("a width or precision in a format is too big");
    }
    return n;
  }
  std::string_view until(char end) {
    const size_t stop = format_.find(end, at_);
    if (stop == format_.npos) r_.fail("incomplete format key");
    const std::string_view out = format_.substr(at_, stop - at_);
    at_ = stop + 1;
    return out;
  }
  /// The code point here, as text.
  std::string_view character() {
    const size_t length = text::utf8_length(format_[at_]);
    const std::string_view out = format_.substr(at_, length);
    at_ += length;
    return out;
  }
  std::string_view rest() const { return format_.substr(std::min(at_, format_.size())); }
  void advance(size_t n) { at_ += n; }

 private:
  Runtime& r_;
  std::string_view format_;
  size_t at_ = 0;
};

}  // namespace tern::jinja
