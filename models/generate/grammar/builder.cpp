// SPDX-License-Identifier: Apache-2.0
#include "builder.h"

#include <algorithm>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../../text/unicode/utf8.h"

namespace tern::grammar {

namespace {

void check_room(size_t size, size_t most, const char* what) {
  if (size < most) return;
  fail(ErrorCode::invalid_argument,
       cat("grammar: more than ", most, what, ", repetitions included: write smaller repetitions"));
}

}  // namespace

uint32_t Builder::place() {
  check_room(grammar_.places.size(), kMostPlaces, " places (characters and rules)");
  grammar_.places.emplace_back();
  return static_cast<uint32_t>(grammar_.places.size() - 1);
}

void Builder::edge(uint32_t from, uint32_t to, uint8_t low, uint8_t high) {
  check_room(grammar_.edges.size(), kMostEdges, " ranges of bytes");
  Place& p = grammar_.places[from];
  grammar_.edges.push_back({to, p.edge, low, high});
  p.edge = static_cast<uint32_t>(grammar_.edges.size() - 1);
}

void Builder::split(uint32_t from, uint32_t to) {
  grammar_.places[from].kind = Place::Kind::split;
  edge(from, to, 0, 0);
}

/// A place from which any `count` continuation bytes lead to `to`.
uint32_t Builder::continued(int count, uint32_t to) {
  if (count == 0) return to;
  uint32_t& known = continued_[count];
  if (known == 0) {
    const uint32_t fresh = place();
    edge(fresh, continued(count - 1, to), 0x80, 0xBF);
    known = fresh;
  }
  return known;
}

/// All sequences of bytes from low to high, which have the same length and are in the order of
/// their characters.
void Builder::sequence(uint32_t from, Bytes b, uint32_t to) {
  if (b.count == 1) return edge(from, to, b.low[0], b.high[0]);
  const auto tail = [&](const uint8_t* bytes, uint8_t all) {
    return std::all_of(bytes + 1, bytes + b.count, [&](uint8_t x) { return x == all; });
  };
  const auto one = [&](uint8_t lead, bool from_low, bool to_high) {
    Bytes rest = {{0x80, 0x80, 0x80, 0x80}, {0xBF, 0xBF, 0xBF, 0xBF}, b.count - 1};
    if (from_low) std::copy_n(b.low + 1, rest.count, rest.low);
    if (to_high) std::copy_n(b.high + 1, rest.count, rest.high);
    const uint32_t between = place();
    edge(from, between, lead, lead);
    sequence(between, rest, to);
  };
  int low = b.low[0], high = b.high[0];
  const bool whole_low = tail(b.low, 0x80), whole_high = tail(b.high, 0xBF);
  if (low == high && !(whole_low && whole_high)) return one(b.low[0], true, true);
  if (!whole_low) one(b.low[0], true, false), ++low;
  if (!whole_high) one(b.high[0], false, true), --high;
  if (low <= high)
    edge(from, continued(b.count - 1, to), static_cast<uint8_t>(low), static_cast<uint8_t>(high));
}

/// Surrogates are no characters; a class of them alone leads nowhere.
void Builder::character(uint32_t from, const CharRanges& ranges, uint32_t to) {
  constexpr std::pair<char32_t, char32_t> kLengths[] = {
      {0, 0x7F}, {0x80, 0x7FF}, {0x800, 0xD7FF}, {0xE000, 0xFFFF}, {0x10000, 0x10FFFF}};
  std::fill(std::begin(continued_), std::end(continued_), 0);
  for (const auto& [first, last] : ranges) {
    for (const auto& [least, most] : kLengths) {
      const char32_t low = std::max(first, least), high = std::min(last, most);
      if (low > high) continue;
      char low_bytes[4], high_bytes[4];
      Bytes bytes = {};
      bytes.count = static_cast<int>(text::put_char(low, low_bytes));
      text::put_char(high, high_bytes);
      for (int i = 0; i < bytes.count; ++i) {
        bytes.low[i] = static_cast<uint8_t>(low_bytes[i]);
        bytes.high[i] = static_cast<uint8_t>(high_bytes[i]);
      }
      sequence(from, bytes, to);
    }
  }
}

uint32_t Builder::read(uint32_t from, const Element& element) {
  if (element.calls) {
    const uint32_t next = place();
    Place& p = grammar_.places[from];
    p.kind = Place::Kind::call;
    p.rule = element.rule;
    p.next = next;
    return next;
  }
  for (const CharRanges& ranges : element.chars) {
    const uint32_t next = place();
    character(from, ranges, next);
    from = next;
  }
  return from;
}

uint32_t Builder::repeat(uint32_t from, const Element& element, int64_t low, int64_t high) {
  for (int64_t i = 0; i < low; ++i) from = read(from, element);
  if (high == low) return from;
  // Each that may come can also be the last before: all lead to one place, so that a reader stands
  // at two of them at most.
  const uint32_t done = place();
  for (int64_t i = low; high < 0 ? i == low : i < high; ++i) {
    const uint32_t more = place();
    split(from, more);
    split(from, done);
    const uint32_t after = read(more, element);
    if (high < 0) split(after, from);
    from = after;
  }
  if (high >= 0) split(from, done);
  return done;
}

}  // namespace tern::grammar
