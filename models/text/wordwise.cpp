// SPDX-License-Identifier: Apache-2.0
// Where a word ends, and what becomes of it; see wordwise.h.
#include "wordwise.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tern::text {

namespace {

enum class ByteKind : uint8_t { blank, letter, line_feed, other };

/// Of UTF-8; characters beyond ASCII are letters.
constexpr std::array<ByteKind, 256> kByteKinds = [] {
  std::array<ByteKind, 256> kinds;
  for (int c = 0; c < 256; ++c) {
    const bool letter = c >= 128 || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    kinds[static_cast<size_t>(c)] = c == ' '    ? ByteKind::blank
                                    : c == '\n' ? ByteKind::line_feed
                                    : letter    ? ByteKind::letter
                                                : ByteKind::other;
  }
  return kinds;
}();

}  // namespace

void Wordwise::normalize(Normalized& word) const {
  for (const Normalizer* step : steps_) step->normalize(word);
}

bool Wordwise::piece_of(std::string_view word, std::string& piece) const {
  piece.clear();
  size_t done = 0;
  if (ascii_only_) {
    while (drops_runs_ && !word.empty() && is_blank(word.back())) word.remove_suffix(1);
    done = leading_blanks(word);
    if (done == word.size()) return false;
    if (done > 1 && !collapses_) return false;
    piece = kMark;
  }
  for (; done < word.size(); ++done) {
    const char c = word[done], to = becomes_[static_cast<unsigned char>(c)];
    if (to == 0) return false;
    for (const std::string& text : longer_) {
      if (c == text[0] && word.substr(done).starts_with(text)) return false;
    }
    if (to == ' ')
      piece += kMark;
    else
      piece += to;
  }
  return true;
}

bool Wordwise::knows_offsets(std::string_view text) const noexcept {
  if (!ascii_only_) return true;
  const size_t first = leading_blanks(text);
  const auto plain = [&](size_t i) { return becomes_[static_cast<unsigned char>(text[i])] != 0; };
  return places_known_ && first < text.size() && plain(first) &&
         (first + 1 == text.size() || static_cast<unsigned char>(text[first + 1]) < 0x80);
}

/// Of a piece that is a mark and a byte for each byte behind the blanks.
void Wordwise::measure_marked(std::string_view word, std::span<const ModelToken> tokens,
                              std::vector<uint32_t>& sizes) const {
  // Of blanks that become one, one of them stands for it.
  const size_t blanks = leading_blanks(word);
  if (!drops_runs_ && blanks > 1) return;
  const size_t of_mark = drops_blanks_ ? 0 : blanks;
  size_t at = 0;
  for (const ModelToken& token : tokens) {
    const bool first = at == 0;
    if (token.begin != at || token.end <= at || token.end < kMark.size()) return sizes.clear();
    const size_t size = token.end - at - (first ? kMark.size() - of_mark : 0);
    sizes.push_back(size == 0 ? kMarkAlone : static_cast<uint32_t>(size));
    at = token.end;
  }
}

void Wordwise::measure(std::string_view word, std::string_view piece,
                       std::span<const ModelToken> tokens, std::vector<uint32_t>& sizes) const {
  sizes.clear();
  if (ascii_only_) return measure_marked(word, tokens, sizes);
  // The piece has a mark for a blank, else the bytes of the word.
  size_t raw = 0, at = 0, done = 0;
  for (const ModelToken& token : tokens) {
    const bool follows = token.begin == at && token.end > at;
    for (; follows && at < token.end; ++raw) {
      const bool blank = word[raw] == ' ' && piece.substr(at).starts_with(kMark);
      at += blank ? kMark.size() : 1;
    }
    if (!follows || at != token.end) return sizes.clear();
    sizes.push_back(static_cast<uint32_t>(raw - done));
    done = raw;
  }
}

std::pair<int32_t, int32_t> Wordwise::place_of(std::string_view word, size_t begin, size_t end) {
  // A token that begins inside a character has that character's place, too.
  const size_t before = count_chars(word.substr(0, begin)) - is_continuation(word[begin]);
  return {static_cast<int32_t>(before), static_cast<int32_t>(count_chars(word.substr(0, end)))};
}

bool Wordwise::may_cut(std::string_view text, size_t at) const noexcept {
  const char before = text[at - 1];
  const bool blank = text[at] == ' ';
  if ((ends_word_[static_cast<unsigned char>(before)] & (blank ? 1 : 2)) == 0) return false;
  if (ascii_only_) {
    while (++at < text.size() && runs_ && is_blank(text[at])) {
    }
    return at < text.size() && is_printable(text[at]);
  }
  return !blank || before != kMark[2] || !text.substr(0, at).ends_with(kMark);
}

/// Whether no merge joins what lies before and behind.
bool Wordwise::apart(std::string_view text, size_t at) const noexcept {
  const size_t last = static_cast<unsigned char>(text[at - 1]);
  const auto first = static_cast<unsigned char>(text[at]);
  return last != ' ' && first != ' ' && !is_continuation(text[at]) && !joined_[last << 8 | first];
}

/// The first cut before a blank or line feed at `at` or later, or the end.
size_t Wordwise::next_blank(std::string_view text, size_t at) const noexcept {
  constexpr uint64_t kOnes = 0x0101010101010101, kSeven = kOnes * 0x7F;
  const uint64_t other = kOnes * static_cast<uint64_t>(line_feeds_ ? '\n' : ' ');
  // The bytes of x that are zero, exactly (each carries into its own high bit only).
  const auto zeros = [&](uint64_t x) { return ~(((x & kSeven) + kSeven) | x | kSeven); };
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t eight;
    std::memcpy(&eight, text.data() + at, sizeof eight);
    uint64_t blanks = zeros(eight ^ kOnes * ' ') | zeros(eight ^ other);
    for (; blanks != 0; blanks &= blanks - 1) {
      const size_t place = at + static_cast<size_t>(std::countr_zero(blanks)) / 8;
      if (may_cut(text, place)) return place;
    }
  }
  for (; at < text.size(); ++at) {
    const bool blank = is_blank(text[at]);
    if (blank && may_cut(text, at)) return at;
  }
  return at;
}

/// The first cut where the kind of character changes; behind kMost bytes without one the last cut
/// before, for the cache's sake, or else the first one after.
size_t Wordwise::next_apart(std::string_view text, size_t from) const noexcept {
  const size_t near = std::min(from + CachedWord::kMost + 1, text.size());
  const auto kind = [&](size_t i) { return kByteKinds[static_cast<unsigned char>(text[i])]; };
  const auto may_end = [&](size_t i) { return text[i] == ' ' ? may_cut(text, i) : apart(text, i); };
  size_t at = from + 1;
  for (ByteKind before = kind(from); at < near; ++at) {
    const ByteKind here = kind(at);
    if (here != before && may_end(at)) return at;
    before = here;
  }
  if (at == text.size()) return at;
  while (--at > from) {
    if (may_end(at)) return at;
  }
  for (at = near; at < text.size(); ++at) {
    if (may_end(at)) return at;
  }
  return at;
}

size_t Wordwise::next(std::string_view text, size_t from) const noexcept {
  return joined_.empty() ? next_blank(text, from + 1) : next_apart(text, from);
}

}  // namespace tern::text
