// SPDX-License-Identifier: Apache-2.0
#include "json_text.h"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>

#include "json.h"

namespace tern::hub {

namespace {

// Bytes that end the plain run of a string: the quote, the backslash, control characters.
constexpr std::array<bool, 256> kStops = [] {
  std::array<bool, 256> stops{};
  for (size_t c = 0; c < 0x20; ++c) stops[c] = true;
  stops['"'] = stops['\\'] = true;
  return stops;
}();

/// High bits of the first byte of `word` in memory that ends a plain run, and of others behind it.
uint64_t stops_in(uint64_t word) noexcept {
  constexpr uint64_t kOnes = 0x0101010101010101, kHigh = kOnes * 0x80;
  const uint64_t quote = word ^ kOnes * '"', backslash = word ^ kOnes * '\\';
  // A byte below n borrows from the ones above it only, which come later in memory.
  return (((quote - kOnes) & ~quote) | ((backslash - kOnes) & ~backslash) |
          ((word - kOnes * 0x20) & ~word)) &
         kHigh;
}

const char* skip_plain(const char* at, const char* end) noexcept {
  while (std::endian::native == std::endian::little && end - at >= 8) {
    uint64_t word;
    std::memcpy(&word, at, sizeof word);
    const uint64_t stops = stops_in(word);
    if (stops != 0) return at + std::countr_zero(stops) / 8;
    at += 8;
  }
  while (at != end && !kStops[static_cast<unsigned char>(*at)]) ++at;
  return at;
}

std::optional<uint32_t> hex4(const char* at, const char* end) noexcept {
  if (end - at < 4) return std::nullopt;
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = at[i];
    uint32_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<uint32_t>(c - '0');
    } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
      digit = static_cast<uint32_t>((c | 0x20) - 'a' + 10);
    } else {
      return std::nullopt;
    }
    value = value << 4 | digit;
  }
  return value;
}

void append_utf8(std::string& out, uint32_t code) {
  const auto put = [&out](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

// \uXXXX with `at` behind the u; takes the second half of a pair along.
DecodedString decode_unicode(const char* at, const char* end, LoneSurrogate lone,
                             std::string& out) {
  const auto first = hex4(at, end);
  if (!first) return {at, "\\u is not followed by four hexadecimal digits"};
  uint32_t code = *first;
  const char* next = at + 4;
  if (code >= 0xD800 && code < 0xDC00 && end - next >= 6 && next[0] == '\\' && next[1] == 'u') {
    const auto second = hex4(next + 2, end);
    if (second && *second >= 0xDC00 && *second < 0xE000) {
      code = 0x10000 + ((code - 0xD800) << 10) + (*second - 0xDC00);
      next += 6;
    }
  }
  if (code >= 0xD800 && code < 0xE000) {
    if (lone == LoneSurrogate::reject) return {at, "a lone surrogate"};
    code = 0xFFFD;
  }
  append_utf8(out, code);
  return {next, nullptr};
}

// The escape whose letter is at `at`.
DecodedString decode_escape(const char* at, const char* end, LoneSurrogate lone, std::string& out) {
  switch (*at) {
    case '"':
      out.push_back('"');
      break;
    case '\\':
      out.push_back('\\');
      break;
    case '/':
      out.push_back('/');
      break;
    case 'b':
      out.push_back('\b');
      break;
    case 'f':
      out.push_back('\f');
      break;
    case 'n':
      out.push_back('\n');
      break;
    case 'r':
      out.push_back('\r');
      break;
    case 't':
      out.push_back('\t');
      break;
    case 'u':
      return decode_unicode(at + 1, end, lone, out);
    default:
      return {at, "an unknown escape"};
  }
  return {at + 1, nullptr};
}

size_t skip_digits(std::string_view text, size_t at) noexcept {
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
  return at;
}

// Length of the UTF-8 sequence at the start of `text` (Unicode table 3-7), 0 when there is none.
size_t utf8_length(std::string_view text) noexcept {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

DecodedString decode_string(const char* begin, const char* end, LoneSurrogate lone,
                            std::string& out) {
  const char* at = skip_plain(begin, end);
  out.assign(begin, static_cast<size_t>(at - begin));
  while (at != end && *at != '"') {
    if (*at != '\\') return {at, "a control character in a string"};
    if (++at == end) break;
    const DecodedString escape = decode_escape(at, end, lone, out);
    if (escape.problem) return escape;
    at = skip_plain(escape.at, end);
    out.append(escape.at, static_cast<size_t>(at - escape.at));
  }
  if (at == end) return {at, "a string without closing quote"};
  return {at + 1, nullptr};
}

std::string_view plain_string(const char* begin, const char* end) noexcept {
  const char* const stop = skip_plain(begin, end);
  if (stop == end || *stop != '"') return {};
  return {begin, static_cast<size_t>(stop - begin)};
}

bool is_json_number(std::string_view text) noexcept {
  size_t at = text.starts_with('-') ? 1 : 0;
  const size_t whole = at;
  at = skip_digits(text, at);
  if (at == whole || (text[whole] == '0' && at > whole + 1)) return false;
  if (at < text.size() && text[at] == '.') {
    const size_t fraction = at + 1;
    at = skip_digits(text, fraction);
    if (at == fraction) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    const size_t exponent = at;
    at = skip_digits(text, exponent);
    if (at == exponent) return false;
  }
  return at == text.size();
}

size_t find_invalid_utf8(std::string_view text) noexcept {
  size_t at = 0;
  while (at < text.size()) {
    uint64_t word = 0;
    if (text.size() - at >= sizeof word) {
      std::memcpy(&word, text.data() + at, sizeof word);
      if ((word & 0x8080808080808080u) == 0) {
        at += sizeof word;
        continue;
      }
    }
    const size_t length = utf8_length(text.substr(at));
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

std::string json_quote(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    const size_t length = utf8_length(text.substr(at));
    if (length != 1) {
      out.append(length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(at, length));
      at += length == 0 ? 1 : length;
      continue;
    }
    ++at;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20) {
          out.push_back(c);
        } else {
          out += "\\u00";
          out.push_back(kHex[c >> 4]);
          out.push_back(kHex[c & 15]);
        }
    }
  }
  out.push_back('"');
  return out;
}

}  // namespace tern::hub
