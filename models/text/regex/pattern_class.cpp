// SPDX-License-Identifier: Apache-2.0
// Bracket expressions: ranges, nested sets, && and [:name:]; see pattern_reader.h.
#include <algorithm>
#include <utility>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "char_properties.h"
#include "pattern_reader.h"

namespace tern::text {

/// at_ is behind the bracket.
void PatternReader::read_class() {
  const bool negated = take("^");
  CharSet set = read_class_body();
  if (options_.ignore_case) return put_set_ignoring_case(set, negated);
  if (negated) set.invert();
  put(set);
}

CharSet PatternReader::read_class_set(bool negated) {
  CharSet set = read_class_body();
  if (negated) set.invert();
  return set;
}

/// Up to and with the closing bracket. "&&" intersects all that stands on its sides.
CharSet PatternReader::read_class_body() {
  enter();
  CharSet set;
  std::optional<CharSet> before;  // what stands before "&&"
  // A ']' right at the beginning is a character when another one follows.
  bool range_allowed = true;
  if (next_is("]")) {
    if (source_.find(']', at_ + 1) == source_.npos) malformed("an empty character class");
    read_class_char(set, range_allowed);
  }
  for (;;) {
    if (done()) malformed("the end of the pattern in a character class");
    if (take("]")) break;
    if (take("&&")) {
      if (before) set.intersect(*before);
      before = std::exchange(set, CharSet());
      range_allowed = true;
    } else if (next_is("[:") && read_posix(set)) {
      range_allowed = false;
    } else if (take("[")) {
      const bool negated = take("^");
      set.add(read_class_set(negated));
      range_allowed = false;
    } else {
      read_class_char(set, range_allowed);
    }
  }
  if (before) set.intersect(*before);
  leave();
  return set;
}

/// A character, an escape or a range. Behind a range or a set a '-' is a character of its own.
void PatternReader::read_class_char(CharSet& set, bool& range_allowed) {
  char32_t first = 0;
  const bool dash = next_is("-");
  if (take("\\")) {
    const Escape escape = read_char_escape(true);
    if (escape.set) {
      set.add(*escape.set);
      if (next_is("-") && source_.substr(at_ + 1, 1) != "]") {
        if (source_.substr(at_ + 1, 1) != "\\") malformed("a range that begins with a set");
        unsupported("'-' between a set and an escape");
      }
      range_allowed = false;
      return;
    }
    first = escape.c;
  } else {
    first = take_char();
  }
  const bool begins_range = next_is("-") && source_.substr(at_ + 1, 1) != "]";
  if (dash && !range_allowed && begins_range) unsupported("a range from '-' behind a range");
  if (!begins_range) {
    if (first < CharSet::kEnd) set.add(first, first);
    range_allowed = true;
    return;
  }
  ++at_;
  const char32_t last = read_range_end();
  if (last < first) malformed("an empty range in a character class");
  if (first < CharSet::kEnd) set.add(first, std::min<char32_t>(last, CharSet::kEnd - 1));
  range_allowed = false;
}

char32_t PatternReader::read_range_end() {
  if (done()) malformed("the end of the pattern in a character class");
  if (next_is("[") || next_is("&&")) unsupported("a range to a set");
  if (!take("\\")) return take_char();
  const Escape escape = read_char_escape(true);
  if (escape.set) malformed("a set at the end of a range");
  return escape.c;
}

/// [:name:] and [:^name:]; false when this is a nested set that begins with a colon.
bool PatternReader::read_posix(CharSet& set) {
  const size_t end = source_.find(":]", at_ + 2);
  if (end == source_.npos || end - at_ > 20) return false;
  std::string_view name = source_.substr(at_ + 2, end - at_ - 2);
  const bool negated = name.starts_with("^");
  if (negated) name.remove_prefix(1);
  if (name.find(']') != name.npos) return false;
  auto members = find_posix_bracket(name);
  if (!members) malformed(cat("no POSIX bracket [:", name, ":]"));
  if (negated) members->invert();
  set.add(*members);
  at_ = end + 2;
  return true;
}

}  // namespace tern::text
