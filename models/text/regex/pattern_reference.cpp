// SPDX-License-Identifier: Apache-2.0
// Groups by number and name, and references back to them; see pattern_reader.h. Where a group has a
// name, those without are not kept, and numbers mean nothing.
#include <algorithm>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "pattern_reader.h"

namespace tern::text {

namespace {

constexpr std::string_view kBeforeEnd = "a back-reference before the end of its group";

bool any_name(const PatternReader::Groups& groups) {
  return std::any_of(groups.begin(), groups.end(), [](const auto& name) { return !name.empty(); });
}

}  // namespace

/// at_ is at '<' or '\''.
std::string PatternReader::read_group_name() {
  const char close = source_[at_] == '<' ? '>' : '\'';
  const size_t begin = ++at_, end = source_.find(close, begin);
  if (end == source_.npos || end == begin) malformed("a group name without end");
  at_ = end + 1;
  return std::string(source_.substr(begin, end - begin));
}

void PatternReader::open_group(std::string name) {
  const bool kept = all_groups_ && (!name.empty() || !any_name(*all_groups_));
  put(kept ? "(" : "(?:");
  groups_.push_back(std::move(name));
  closed_.push_back(false);
}

/// \1, \k<1>, \k<-1> (the last group opened before), \k<name>; at_ is at the backslash. False: this
/// is no reference.
bool PatternReader::read_back_reference(char kind) {
  size_t at = at_ + 1;
  if (kind != 'k') {
    const auto number = static_cast<size_t>(read_count(at).value_or(0));
    // Of more digits than one it is an octal code when there are not that many groups yet.
    if (number > 9 && number > groups_.size()) {
      if (kind >= '8') unsupported("\\8 or \\9 with more digits");
      return false;
    }
    flush_run();
    at_ = at;
    refer_to(number);
    return true;
  }
  if (at + 1 >= source_.size() || (source_[at + 1] != '<' && source_[at + 1] != '\'')) return false;
  flush_run();
  at_ = at + 1;
  const std::string name = read_group_name();
  if (name.find_first_of("+-", 1) != name.npos) unsupported("a back-reference with a level");
  const bool back = name[0] == '-', forward = name[0] == '+';
  size_t digits = back || forward ? 1 : 0;
  if (name.find_first_not_of("0123456789", digits) != name.npos || digits == name.size()) {
    refer_to(name);
    return true;
  }
  size_t number = 0;
  for (; digits < name.size(); ++digits) {
    number = std::min<size_t>(number * 10 + static_cast<size_t>(name[digits] - '0'), 1 << 20);
  }
  if (back && (number == 0 || number > groups_.size())) malformed("a reference to no group");
  if (back) number = groups_.size() + 1 - number;
  if (forward) number += groups_.size();
  refer_to(number);
  return true;
}

void PatternReader::refer_to(size_t group) {
  if (all_groups_) {
    if (any_name(*all_groups_)) malformed("a reference by number beside groups with names");
    if (group == 0 || group > all_groups_->size()) malformed("a reference to no group");
    // What it stands for there differs between matchers.
    if (group > groups_.size() || !closed_[group - 1]) unsupported(kBeforeEnd);
  }
  put_reference(all_groups_ ? group : 0);
}

void PatternReader::refer_to(std::string_view name) {
  size_t group = 0, number = 0;
  if (all_groups_) {
    const bool opened = std::find(groups_.begin(), groups_.end(), name) != groups_.end();
    if (!opened) malformed(cat("a reference to no group '", name, "'"));
    for (size_t i = 0; i < all_groups_->size(); ++i) {
      const std::string& other = (*all_groups_)[i];
      number += !other.empty();
      if (other != name) continue;
      if (group != 0) unsupported("a back-reference to several groups of one name");
      if (i >= groups_.size() || !closed_[i]) unsupported(kBeforeEnd);
      group = number;
    }
  }
  put_reference(group);
}

/// 0: a first reading, which does not know the groups.
void PatternReader::put_reference(size_t group) {
  if (options_.ignore_case) unsupported("a back-reference that ignores case");
  out_.refers_back = true;
  const size_t first = out_.parts.size();
  out_.parts.emplace_back();
  put(group == 0 ? "(?:)" : cat("\\g{", group, "}"));
  read_quantifiers(first);
}

}  // namespace tern::text
