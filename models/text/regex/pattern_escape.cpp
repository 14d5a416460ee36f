// SPDX-License-Identifier: Apache-2.0
// What follows a backslash; see pattern_reader.h.
#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../unicode/utf8.h"
#include "char_properties.h"
#include "pattern_reader.h"

namespace tern::text {

namespace {

CharSet complement(CharSet set, bool really) {
  if (really) set.invert();
  return set;
}

}  // namespace

/// at_ is at the backslash.
void PatternReader::read_escape() {
  if (at_ + 1 >= source_.size()) malformed("the end of the pattern at an escape");
  if (read_special_escape(source_[at_ + 1])) return;
  ++at_;
  const Escape escape = read_char_escape(false);
  if (!escape.set) return put_literal(escape.c);
  flush_run();
  const size_t first = out_.parts.size();
  out_.parts.emplace_back();
  put(*escape.set);
  read_quantifiers(first);
}

void PatternReader::put_word_boundary(bool negated) {
  const CharSet word = *find_property("word");
  for (const char* text :
       {"(?:(?<=", negated ? ")(?=" : ")(?!", ")|(?<!", negated ? ")(?!" : ")(?="}) {
    put(text);
    put(word);
  }
  put("))");
}

/// Anchors and what is no single character.
bool PatternReader::read_special_escape(char kind) {
  const CharSet newline('\n');
  if (std::string_view("AzZGbBK").find(kind) != std::string_view::npos) {
    flush_run();
    at_ += 2;
    if (kind == 'b' || kind == 'B') {
      put_word_boundary(kind == 'B');
    } else if (kind == 'Z') {
      put("(?=");
      put(newline);
      put("?\\z)");
    } else {
      if (kind == 'K' && look_behind_ > 0) unsupported("\\K in look-behind");
      put(std::string{'\\', kind});
      out_.anchored_to_search = out_.anchored_to_search || kind == 'G';
    }
    end_anchor();
    return true;
  }
  if (kind == 'R') {
    flush_run();
    at_ += 2;
    const size_t first = out_.parts.size();
    out_.parts.emplace_back();
    put("(?>");
    put(CharSet('\r'));
    put(newline);
    put("|");
    CharSet any('\n', '\r');
    for (const char32_t c : {U'\u0085', U'\u2028', U'\u2029'}) any.add(c, c);
    put(any);
    put(")");
    read_quantifiers(first);
    return true;
  }
  if (kind == 'k' || (kind >= '1' && kind <= '9')) return read_back_reference(kind);
  if (kind == 'g') unsupported("a call of a group");
  if (kind == 'X' || kind == 'y' || kind == 'Y') unsupported("a text segment boundary");
  return false;
}

std::optional<CharSet> PatternReader::read_class_escape(char kind, bool in_class) {
  const auto property = [&](std::string_view name, bool negated) {
    ++at_;
    return complement(*find_property(name), negated);
  };
  switch (kind) {
    case 'd':
    case 'D':
      return property("digit", kind == 'D');
    case 'w':
    case 'W':
      // In brackets \w is [:word:], which lacks some digits of Latin-1.
      if (!in_class) return property("word", kind == 'W');
      ++at_;
      return complement(*find_posix_bracket("word"), kind == 'W');
    case 's':
    case 'S':
      return property("space", kind == 'S');
    case 'h':
    case 'H':
      return property("xdigit", kind == 'H');
    case 'p':
    case 'P':
      if (source_.substr(at_ + 1, 1) != "{") return std::nullopt;
      ++at_;
      return read_property(kind == 'P');
    default:
      return std::nullopt;
  }
}

/// \p{name}, \p{^name}; at_ is at the brace.
CharSet PatternReader::read_property(bool negated) {
  const size_t end = source_.find('}', at_);
  if (end == source_.npos) malformed("a property without end");
  std::string_view name = source_.substr(at_ + 1, end - at_ - 1);
  if (name.starts_with("^")) negated = !negated, name.remove_prefix(1);
  const auto set = find_property(name);
  if (!set) unsupported(cat("the property \\p{", name.substr(0, 64), "}"));
  at_ = end + 1;
  return complement(*set, negated);
}

/// at_ is behind the backslash.
PatternReader::Escape PatternReader::read_char_escape(bool in_class) {
  if (done()) malformed("the end of the pattern at an escape");
  const char kind = source_[at_];
  if (auto set = read_class_escape(kind, in_class)) return {std::move(set)};
  if (!in_class && (kind == 'O' || kind == 'N')) {
    ++at_;
    return {complement(kind == 'O' ? CharSet() : CharSet('\n'), true)};
  }
  if (in_class && kind == 'b') return ++at_, Escape{std::nullopt, '\b'};
  return {std::nullopt, read_code(kind)};
}

char32_t PatternReader::read_code(char kind) {
  static constexpr std::string_view kNames = "tnrfvae", kCodes = "\t\n\r\f\v\a\x1b";
  if (const size_t at = kNames.find(kind); at != kNames.npos) {
    ++at_;
    return static_cast<char32_t>(kCodes[at]);
  }
  if (kind == 'x') return ++at_, read_hex();
  if (kind >= '0' && kind <= '7') return read_octal(3);
  if (kind == 'c' || kind == 'C') return read_control();
  if (kind == 'M') unsupported("\\M-");
  if (kind == 'o' && source_.substr(at_ + 1, 1) == "{") {
    at_ += 2;
    const char32_t c = read_octal(11);
    if (!take("}")) malformed("an octal code without end");
    return c;
  }
  if (kind == 'u') {
    ++at_;
    char32_t c = 0;
    for (int i = 0; i < 4; ++i) {
      const int digit = done() ? -1 : hex_digit(source_[at_]);
      if (digit < 0) malformed("\\u needs four hexadecimal digits");
      c = c << 4 | static_cast<char32_t>(digit);
      ++at_;
    }
    return c;
  }
  return take_char();
}

/// \x{1F600}, \x41, or \xE2\x96\x81: the bytes of one character.
char32_t PatternReader::read_hex() {
  const bool braces = take("{");
  uint64_t value = 0;
  size_t digits = 0;
  for (; !done() && hex_digit(source_[at_]) >= 0 && digits < (braces ? 8u : 2u); ++digits, ++at_) {
    value = value << 4 | static_cast<uint64_t>(hex_digit(source_[at_]));
  }
  if (digits == 0) unsupported("\\x without digits");
  if (braces && !take("}")) unsupported("\\x{…} that is not one code point");
  if (braces || value < 0x80)
    return value < CharSet::kEnd ? static_cast<char32_t>(value) : CharSet::kEnd;
  return read_raw_bytes(static_cast<unsigned>(value));
}

char32_t PatternReader::read_raw_bytes(unsigned first) {
  std::string bytes(1, static_cast<char>(first));
  const size_t length = first < 0xC2 || first > 0xF4 ? 0 : utf8_length(bytes[0]);
  while (bytes.size() < length && next_is("\\x") && at_ + 4 <= source_.size()) {
    const int high = hex_digit(source_[at_ + 2]), low = hex_digit(source_[at_ + 3]);
    if (high < 0 || low < 0) break;
    bytes += static_cast<char>(high << 4 | low);
    at_ += 4;
  }
  std::string scratch;
  if (bytes.size() != length || valid_utf8(bytes, scratch).data() != bytes.data()) {
    malformed("the bytes given by \\x are no character of UTF-8");
  }
  size_t i = 0;
  return next_char(bytes, i);
}

char32_t PatternReader::read_octal(size_t most_digits) {
  uint64_t value = 0;
  for (size_t n = 0; n < most_digits && !done() && source_[at_] >= '0' && source_[at_] <= '7';
       ++n) {
    value = value << 3 | static_cast<uint64_t>(source_[at_++] - '0');
  }
  return value < CharSet::kEnd ? static_cast<char32_t>(value) : CharSet::kEnd;
}

/// \cA, \C-A.
char32_t PatternReader::read_control() {
  if (source_[at_++] == 'C' && !take("-")) malformed("\\C without '-'");
  if (done() || source_[at_] == '\\') unsupported("this control character");
  const char32_t c = take_char();
  return c == '?' ? 0x7F : c & 0x9F;
}

}  // namespace tern::text
