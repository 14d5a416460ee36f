// SPDX-License-Identifier: Apache-2.0
// See layout.h.
#include "layout.h"

#include "../../../engine/base/format.h"
#include "python_text.h"

namespace tern::jinja {

std::string padded(const Layout& layout, std::string_view sign, std::string_view body,
                   char fallback) {
  const auto size = static_cast<int64_t>(text::count_chars(body) + sign.size());
  const int64_t room = std::max<int64_t>(layout.width - size, 0);
  const char align = layout.align ? layout.align : fallback;
  const int64_t left = align == '<' ? 0 : align == '^' ? room / 2 : room;
  std::string out;
  if (align == '=') out += sign;
  for (int64_t i = 0; i < left; ++i) out += layout.fill;
  if (align != '=') out += sign;
  out += body;
  for (int64_t i = left; i < room; ++i) out += layout.fill;
  return out;
}

std::string_view sign_of(bool negative, char style) {
  return negative ? "-" : style == '+' ? "+" : style == ' ' ? " " : "";
}

uint64_t magnitude(int64_t i) noexcept {
  return i < 0 ? ~static_cast<uint64_t>(i) + 1 : static_cast<uint64_t>(i);
}

double real_number(Runtime& r, const Value& v) {
  if (v.is(Kind::real)) return v.real();
  if (v.is_integral()) return static_cast<double>(v.integer());
  r.defined(v);
  r.fail(cat("must be real number, not ", type_name(v)));
}

std::string first_chars(const std::string& text, int64_t precision) {
  return precision < 0 ? text : text.substr(0, byte_of(text, static_cast<size_t>(precision)));
}

}  // namespace tern::jinja
