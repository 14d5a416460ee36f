// SPDX-License-Identifier: Apache-2.0
// Groups, quantifiers and literal text of a pattern; see pattern_reader.h.
#include "pattern.h"

#include <algorithm>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../unicode/utf8.h"
#include "case_folding.h"
#include "pattern_reader.h"

namespace tern::text {

namespace {

constexpr int kMaxDepth = 100;
constexpr size_t kMaxBytes = 1 << 16;
constexpr int kMaxQuantifiers = 8;

}  // namespace

Pattern read_pattern(std::string_view source, std::string_view what) {
  if (source.size() > kMaxBytes) {
    fail(ErrorCode::unsupported, cat(what, ": a regular expression of ", source.size(), " bytes"));
  }
  std::string scratch;
  if (valid_utf8(source, scratch).data() != source.data()) {
    fail(ErrorCode::corrupt, cat(what, ": a regular expression that is not UTF-8"));
  }
  PatternReader first(source, what);
  Pattern pattern = first.read();
  return pattern.refers_back ? PatternReader(source, what, first.groups()).read() : pattern;
}

void PatternReader::malformed(std::string_view why) const {
  fail(ErrorCode::corrupt, cat(what_, ": regular expression, byte ", at_, ": ", why));
}

void PatternReader::unsupported(std::string_view construct) const {
  fail(ErrorCode::unsupported,
       cat(what_, ": regular expression, byte ", at_, ": ", construct, " is not supported"));
}

bool PatternReader::take(std::string_view text) {
  if (!next_is(text)) return false;
  at_ += text.size();
  return true;
}

char32_t PatternReader::take_char() {
  return next_char(source_, at_);
}

void PatternReader::enter() {
  if (++depth_ > kMaxDepth) unsupported("nesting this deep");
}

void PatternReader::put(std::string_view text) {
  if (out_.parts.empty() || out_.parts.back().set >= 0) out_.parts.emplace_back();
  out_.parts.back().text += text;
}

void PatternReader::put(const CharSet& set) {
  const auto at = std::find(out_.sets.begin(), out_.sets.end(), set);
  const auto index = static_cast<int>(at - out_.sets.begin());
  if (at == out_.sets.end()) out_.sets.push_back(set);
  put("");
  out_.parts.back().set = index;
}

/// One character's worth of a case-insensitive literal: that is 's' with its variants, or what
/// folds to several characters as a whole. In look-behind the length must stay, so that single
/// characters alone are folded there (as in the reference).
void PatternReader::put_folded_run() {
  for (std::u32string_view rest = run_; !rest.empty();) {
    CharSet singles;
    const size_t length = look_behind_ > 0 ? 0 : find_folded(rest, singles);
    std::u32string folded;
    if (length > 0) {
      for (size_t i = 0; i < length; ++i) folded += fold(rest[i]);
    } else {
      singles = case_variants(rest[0]);
      if (look_behind_ == 0) folded = fold(rest[0]);
    }
    if (folded.size() > 1) {
      put("(?:");
      for (const char32_t c : folded) put(case_variants(c));
      put("|");
    }
    put(singles);
    if (folded.size() > 1) put(")");
    rest.remove_prefix(std::max<size_t>(length, 1));
  }
}

void PatternReader::flush_run() {
  if (options_.ignore_case)
    put_folded_run();
  else
    for (const char32_t c : run_)
      put(c < 0xD800 || (c > 0xDFFF && c < CharSet::kEnd) ? CharSet(c) : CharSet());
  run_.clear();
}

/// A literal that a quantifier follows stands for itself; others wait for their neighbours.
void PatternReader::put_literal(char32_t c) {
  const size_t after = at_;
  skip_ignored();
  std::string quantifier;
  const bool repeated = read_quantifier(quantifier);
  at_ = after;
  if (!repeated) {
    run_ += c;
    return;
  }
  flush_run();
  const size_t first = out_.parts.size();
  out_.parts.emplace_back();
  run_ += c;
  flush_run();
  read_quantifiers(first);
}

void PatternReader::put_set_ignoring_case(const CharSet& base, bool negated) {
  std::vector<std::u32string> several;
  CharSet closed = close_over_case(base, several);
  if (negated) {
    closed.invert();
    return put(closed);
  }
  if (several.empty()) return put(closed);
  put("(?:");
  put(closed);
  for (const std::u32string& text : several) {
    put("|");
    for (const char32_t c : text) put(case_variants(c));
  }
  put(")");
}

void PatternReader::skip_ignored() {
  for (;;) {
    if (next_is("(?#")) {
      const size_t end = source_.find(')', at_);
      if (end == source_.npos) malformed("a comment without end");
      at_ = end + 1;
    } else if (options_.extended && !done() &&
               std::string_view(" \t\n\r\f\v").find(source_[at_]) != source_.npos) {
      ++at_;
    } else if (options_.extended && next_is("#")) {
      at_ = std::min(source_.find('\n', at_), source_.size());
    } else {
      return;
    }
  }
}

std::optional<long> PatternReader::read_count(size_t& at) const {
  long n = -1;
  while (at < source_.size() && source_[at] >= '0' && source_[at] <= '9') {
    n = std::min(std::max(n, 0L) * 10 + (source_[at++] - '0'), 1000000L);
  }
  if (n < 0) return std::nullopt;
  return n;
}

/// {n}, {n,}, {,m}, {n,m}. What does not fit is literal text. {m,n} with m > n is possessive, and
/// {n}? is optional.
bool PatternReader::read_interval(std::string& out) {
  size_t at = at_ + 1;
  const auto low = read_count(at);
  const bool comma = at < source_.size() && source_[at] == ',';
  if (comma) ++at;
  const auto high = comma ? read_count(at) : low;
  if (at >= source_.size() || source_[at] != '}' || (!low && !high)) return false;
  for (const auto& bound : {low, high}) {
    if (bound && *bound > 100000) malformed("too big a number of repetitions");
    if (bound && *bound > 65535) unsupported("more than 65535 repetitions");
  }
  at_ = at + 1;
  const bool swapped = low && high && *low > *high;
  const long least = swapped ? *high : low.value_or(0);
  out = cat("{", least, comma ? "," : "");
  if (comma && high) out += cat(swapped ? *low : *high);
  out += "}";
  if (swapped)
    out += "+";
  else if (comma && take("?"))
    out += "?";
  return true;
}

bool PatternReader::read_quantifier(std::string& out) {
  if (done()) return false;
  const char c = source_[at_];
  if (c == '{') return read_interval(out);
  if (c != '*' && c != '+' && c != '?') return false;
  out = c;
  ++at_;
  if (take("?"))
    out += '?';
  else if (take("+"))
    out += '+';
  return true;
}

/// Quantifiers after the atom that begins at parts[first_part]; several nest.
bool PatternReader::read_quantifiers(size_t first_part) {
  std::string quantifier;
  int count = 0;
  skip_ignored();
  while (read_quantifier(quantifier)) {
    if (++count > kMaxQuantifiers) unsupported("a pile of quantifiers");
    // One set alone needs no group around it.
    const bool single = out_.parts.size() == first_part + 1 && out_.parts[first_part].text.empty();
    if (count > 1 || !single) {
      out_.parts[first_part].text.insert(0, "(?:");
      put(")");
    }
    put(quantifier);
    skip_ignored();
  }
  return count > 0;
}

void PatternReader::end_anchor() {
  std::string quantifier;
  skip_ignored();
  if (read_quantifier(quantifier)) malformed("the target of a repeat operator is invalid");
}

Pattern PatternReader::read() {
  read_alternatives();
  if (!done()) malformed("unmatched ')'");
  return std::move(out_);
}

/// Up to the end or the ')' of the group, which stays.
void PatternReader::read_alternatives() {
  enter();
  for (;;) {
    skip_ignored();
    if (done() || source_[at_] == ')') break;
    read_item();
  }
  flush_run();
  leave();
}

void PatternReader::read_item() {
  const char c = source_[at_];
  if (c == '\\') return read_escape();
  if (c == '(') return read_group();
  if (c == '|' || c == '^' || c == '$' || c == '.' || c == '[') {
    flush_run();
    ++at_;
    const CharSet newline('\n');
    if (c == '|') return put("|");
    if (c == '^' || c == '$') {
      put(c == '^' ? "(?:\\A|(?<=" : "(?=");
      put(newline);
      put(c == '^' ? ")(?!\\z))" : "|\\z)");
      return end_anchor();
    }
    const size_t first = out_.parts.size();
    out_.parts.emplace_back();
    if (c == '[') {
      read_class();
    } else {
      CharSet set = newline;
      set.invert();
      put(options_.dot_all ? CharSet::all() : set);
    }
    read_quantifiers(first);
    return;
  }
  std::string quantifier;
  const size_t begin = at_;
  if (read_quantifier(quantifier)) {
    at_ = begin;
    malformed("the target of a repeat operator is not specified");
  }
  put_literal(take_char());
}

/// The options behind "(?"; false when none are there.
bool PatternReader::read_options(bool& whole_group) {
  Options options = options_;
  bool on = true;
  size_t at = at_;
  for (; at < source_.size() && source_[at] != ')' && source_[at] != ':'; ++at) {
    const char c = source_[at];
    if (c == '-')
      on = false;
    else if (c == 'i')
      options.ignore_case = on;
    else if (c == 'm')
      options.dot_all = on;
    else if (c == 'x')
      options.extended = on;
    else
      return false;
  }
  if (at >= source_.size()) malformed("an option group without end");
  whole_group = source_[at] == ')';
  at_ = at + 1;
  options_ = options;
  return true;
}

void PatternReader::read_group() {
  static constexpr std::string_view kLooks[] = {"(?=", "(?!", "(?<=", "(?<!"};
  flush_run();
  const Options outer = options_;
  const size_t first = out_.parts.size();
  out_.parts.emplace_back();
  const auto* look = std::find_if(std::begin(kLooks), std::end(kLooks),
                                  [this](std::string_view l) { return next_is(l); });
  const bool looks = look != std::end(kLooks), behind = looks && look->size() == 4;
  const size_t number = groups_.size();
  bool rest_of_group = false;
  if (looks) {
    at_ += look->size();
    put(*look);
  } else if (take("(?>")) {
    put("(?>");
  } else {
    if (next_is("(?<") || next_is("(?'")) {
      at_ += 2;
      open_group(read_group_name());
    } else if (take("(?")) {
      put("(?:");
      if (!take(":") && !read_options(rest_of_group)) {
        unsupported(cat("the group (?", source_.substr(at_, 1)));
      }
    } else {
      take("(");
      open_group("");
    }
  }
  const bool opened = groups_.size() > number;
  look_behind_ += behind;
  read_alternatives();
  look_behind_ -= behind;
  if (opened) closed_[number] = true;
  put(")");
  options_ = outer;
  // (?i) holds to the end of the group around it, alternatives included.
  if (rest_of_group) return;
  if (!take(")")) malformed("a group without end");
  if (looks) return end_anchor();
  read_quantifiers(first);
}

}  // namespace tern::text
