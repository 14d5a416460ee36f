// SPDX-License-Identifier: Apache-2.0
// The hand-written scanners; see scanners.h.
#include "scanners.h"

#include "ascii_letters.h"
#include "char_kinds.h"

namespace tern::text {

namespace {

/// One text under one table of kinds.
struct Reader {
  const CharKinds& kinds;
  std::string_view text;

  bool ends(size_t i) const { return i >= text.size(); }
  uint8_t kind(size_t i) const { return ends(i) ? 0 : kinds.at(text, i).kind; }

  /// The end of the run at `i` of characters that have one of `wanted`, among them all ASCII
  /// letters, or those of lower case alone when `any_case` is false.
  size_t run(size_t i, uint8_t wanted, bool any_case) const {
    for (;;) {
      i = skip_ascii_letters(text, i, any_case);
      // Near the end of the text, and other letters than ASCII's.
      if (ends(i)) return i;
      const auto [kind, end] = kinds.at(text, i);
      if ((kind & wanted) == 0) return i;
      i = end;
    }
  }
  size_t run_of(size_t i, uint8_t wanted) const {
    while (!ends(i)) {
      const auto [kind, end] = kinds.at(text, i);
      if ((kind & wanted) == 0) break;
      i = end;
    }
    return i;
  }
  /// Of characters that have none of `unwanted`.
  size_t run_without(size_t i, uint8_t unwanted) const {
    while (!ends(i)) {
      const auto [kind, end] = kinds.at(text, i);
      if (kind & unwanted) break;
      i = end;
    }
    return i;
  }
  size_t digits(size_t i, int most) const {
    for (int n = 0; n < most && !ends(i); ++n) {
      const auto [kind, end] = kinds.at(text, i);
      if ((kind & kDigit) == 0) break;
      i = end;
    }
    return i;
  }

  /// \s*[\r\n]+ when `breaks`, then \s+(?!\S)|\s+, at a blank.
  size_t blanks(size_t begin, bool breaks) const {
    size_t last = begin, i = begin, behind_break = begin;
    while (!ends(i)) {
      const auto [kind, end] = kinds.at(text, i);
      if ((kind & kBlank) == 0) break;
      last = i;
      i = end;
      if (kind & kBreak) behind_break = end;
    }
    if (breaks && behind_break > begin) return behind_break;
    return ends(i) || last == begin ? i : last;
  }

  /// 's 't 'm 'd 're 've 'll at the apostrophe `i`; its end, or `i`. Ignoring case, U+017F is an s.
  size_t contraction(size_t i, bool ignore_case) const {
    const auto letter = [&](size_t k) {
      if (ends(k)) return '\0';
      const char c = text[k];
      return ignore_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    };
    const char first = letter(i + 1), second = letter(i + 2);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return i + 2;
    if ((first == 'r' || first == 'v') && second == 'e') return i + 3;
    if (first == 'l' && second == 'l') return i + 3;
    return ignore_case && text.substr(i + 1).starts_with("\u017F") ? i + 3 : i;
  }
};

/// kGpt2Pattern.
size_t next_gpt2(const CharKinds& kinds, std::string_view text, size_t from) {
  const Reader in{kinds, text};
  if (text[from] == '\'') {
    const size_t end = in.contraction(from, false);
    if (end > from) return end;
  }
  const size_t at = from + (text[from] == ' ');
  if (in.ends(at)) return at;
  const auto [kind, end] = kinds.at(text, at);
  if (kind & kLetter) return in.run(end, kLetter, true);
  if (kind & kDigit) return in.digits(end, 1 << 30);
  if ((kind & kBlank) == 0) return in.run_without(end, kBlank | kLetter | kDigit);
  return in.blanks(from, false);
}

/// What follows words and numbers in the younger patterns: ` ?[^\s…]+[\r\n]*` (with `slash` also
/// '/' at the end), then blanks. `words` are the kinds that words and numbers have.
size_t next_rest(const Reader& in, size_t from, uint8_t words, bool slash) {
  const size_t at = from + (in.text[from] == ' ');
  if (in.ends(at)) return at;
  const auto [kind, end] = in.kinds.at(in.text, at);
  if (kind & (kBlank | words)) return in.blanks(from, true);
  size_t i = in.run_without(end, kBlank | words);
  while (!in.ends(i) && (in.text[i] == '\r' || in.text[i] == '\n' || (slash && in.text[i] == '/')))
    ++i;
  return i;
}

/// (?i:'s|…)|[^\r\n\p{L}\p{N}]?W+|\p{N}{1,Digits}| ?[^\sW\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
/// where W is \p{L}, or with Marks [\p{L}\p{M}].
template <int Digits, bool Marks>
size_t next_cl100k(const CharKinds& kinds, std::string_view text, size_t from) {
  constexpr uint8_t kWord = Marks ? kLetter | kMark : kLetter;
  const Reader in{kinds, text};
  if (text[from] == '\'') {
    const size_t end = in.contraction(from, true);
    if (end > from) return end;
  }
  const auto [kind, end] = kinds.at(text, from);
  if (kind & kWord) return in.run(end, kWord, true);
  if (kind & kDigit) return in.digits(end, Digits - 1);
  if ((kind & kBreak) == 0 && !in.ends(end)) {
    const auto [second, behind] = kinds.at(text, end);
    if (second & kWord) return in.run(behind, kWord, true);
  }
  return next_rest(in, from, kWord | kDigit, false);
}

/// U*L+ from `i` (U: upper-like, L: lower-like); `i` when it does not match.
size_t upper_then_lower(const Reader& in, size_t i) {
  size_t at = i, behind_lower = i;
  while (!in.ends(at)) {
    const auto [kind, end] = in.kinds.at(in.text, at);
    if ((kind & kUpperLike) == 0) {
      if (kind & kLowerLike) return in.run(end, kLowerLike, false);
      break;
    }
    // Were no lower-case letter to come, U* would give back characters up to one that is both.
    if (kind & kLowerLike) behind_lower = end;
    at = end;
  }
  return behind_lower;
}

/// o200k: [^\r\n\p{L}\p{N}]?U*L+C?|[^\r\n\p{L}\p{N}]?U+L*C?|\p{N}{1,Digits}|
/// ?[^\s\p{L}\p{N}]+[\r\n/]*|… where C is (?i:'s|…) with Contractions.
template <int Digits, bool Contractions>
size_t next_o200k(const CharKinds& kinds, std::string_view text, size_t from) {
  const Reader in{kinds, text};
  const auto [kind, end] = kinds.at(text, from);
  if (kind & kDigit) return in.digits(end, Digits - 1);
  const auto with_contraction = [&](size_t i) {
    return Contractions && !in.ends(i) && text[i] == '\'' ? in.contraction(i, true) : i;
  };
  const bool leads = (kind & (kLetter | kBreak)) == 0;
  const uint8_t second = leads ? in.kind(end) : uint8_t{0};
  if ((second | kind) & (kUpperLike | kLowerLike)) {
    // With the character that leads and without it.
    for (const size_t begin : {leads ? end : from, from}) {
      const size_t behind = upper_then_lower(in, begin);
      if (behind > begin) return with_contraction(behind);
    }
    for (const size_t begin : {leads ? end : from, from}) {
      const size_t behind = in.run_of(begin, kUpperLike);
      if (behind > begin) return with_contraction(behind);
    }
  }
  return next_rest(in, from, kLetter | kDigit, true);
}

using Next = size_t (*)(const CharKinds& kinds, std::string_view text, size_t from);

class KnownScanner final : public Scanner {
 public:
  explicit KnownScanner(Next known) : next_(known), kinds_(CharKinds::get()) {}
  Cut next(std::string_view text, size_t from) const override {
    return {next_(kinds_, text, from), true};
  }

 private:
  Next next_;
  const CharKinds& kinds_;
};

struct Known {
  std::string_view pattern;
  Next next;
};

#define TERN_TAIL R"(\s*[\r\n]+|\s+(?!\S)|\s+)"
#define TERN_CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define TERN_UPPER R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])"
#define TERN_LOWER R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])"
#define TERN_LEAD R"([^\r\n\p{L}\p{N}]?)"
#define TERN_O200K(contractions, digits)                                                       \
  TERN_LEAD TERN_UPPER "*" TERN_LOWER "+" contractions "|" TERN_LEAD TERN_UPPER "+" TERN_LOWER \
                       "*" contractions                                                        \
                       "|"                                                                     \
                       R"(\p{N})" digits R"(| ?[^\s\p{L}\p{N}]+[\r\n/]*|)" TERN_TAIL

constexpr Known kKnown[] = {
    {kGpt2Pattern, next_gpt2},
    {R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", next_gpt2},
    {kCl100kPattern, next_cl100k<3, false>},
    {R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)",
     next_cl100k<3, false>},
    {TERN_CONTRACTIONS "|" TERN_LEAD R"(\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|)" TERN_TAIL,
     next_cl100k<1, false>},
    {TERN_CONTRACTIONS "|" TERN_LEAD
                       R"([\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|)" TERN_TAIL,
     next_cl100k<1, true>},
    {TERN_O200K(TERN_CONTRACTIONS "?", "{1,3}"), next_o200k<3, true>},
    {TERN_O200K("", ""), next_o200k<1, false>},
};

}  // namespace

std::unique_ptr<const Scanner> Scanner::find(std::string_view pattern) {
  for (const Known& known : kKnown) {
    if (known.pattern == pattern) return std::make_unique<KnownScanner>(known.next);
  }
  return nullptr;
}

}  // namespace tern::text
