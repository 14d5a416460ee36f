// SPDX-License-Identifier: Apache-2.0
// Splitting by patterns, scripts and length; see pre_tokenizers.h.
#include <algorithm>

#include "../unicode/properties.h"
#include "pre_tokenizers.h"
#include "stretch.h"

namespace tern::text {

namespace {

void join_neighbours(std::vector<Stretch>& stretches, SplitBehavior behavior,
                     std::vector<Piece>& out) {
  const bool backwards = behavior == SplitBehavior::merged_with_next;
  if (backwards) std::reverse(stretches.begin(), stretches.end());
  const size_t first = out.size();
  bool previous = false;
  for (const Stretch& s : stretches) {
    const bool joins =
        behavior == SplitBehavior::contiguous ? s.delimits == previous : s.delimits && !previous;
    previous = s.delimits;
    if (!joins || out.size() == first)
      out.push_back({s.begin, s.end});
    else if (backwards)
      out.back().begin = s.begin;
    else
      out.back().end = s.end;
  }
  if (backwards) std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
}

}  // namespace

void cut(std::vector<Stretch>& stretches, SplitBehavior behavior, std::vector<Piece>& out) {
  if (behavior != SplitBehavior::removed && behavior != SplitBehavior::isolated) {
    const auto first = static_cast<std::ptrdiff_t>(out.size());
    join_neighbours(stretches, behavior, out);
    const auto empty = [](const Piece& p) { return p.begin == p.end; };
    out.erase(std::remove_if(out.begin() + first, out.end(), empty), out.end());
    return;
  }
  for (const Stretch& s : stretches) {
    const bool stays = !s.delimits || behavior == SplitBehavior::isolated;
    if (stays && s.begin < s.end) out.push_back({s.begin, s.end});
  }
}

void SplitPreTokenizer::split(Normalized& text, std::vector<Piece>& pieces) const {
  std::vector<Piece> out;
  std::vector<Regex::Match> matches;
  std::vector<Stretch> stretches;
  const auto deadline = Regex::deadline_for(text.text);
  for (const Piece& piece : pieces) {
    if (piece.begin == piece.end) continue;
    const auto part = std::string_view(text.text).substr(piece.begin, piece.end - piece.begin);
    pattern.find_all(part, deadline, matches);
    stretches.clear();
    size_t at = piece.begin;
    for (const Regex::Match& m : matches) {
      const size_t begin = piece.begin + m.begin, end = piece.begin + m.end;
      if (at < begin) stretches.push_back({at, begin, invert});
      stretches.push_back({begin, end, !invert});
      at = end;
    }
    if (at < piece.end) stretches.push_back({at, piece.end, invert});
    cut(stretches, behavior, out);
  }
  pieces.swap(out);
}

bool SplitPreTokenizer::add_scanner(ScannerChain& chain) const {
  const Regex* regex = pattern.regex();
  // What stands alone, match or not, does not depend on `invert`.
  return behavior == SplitBehavior::isolated && regex && regex->scanner() &&
         chain.add(*regex->scanner());
}

/// What joins any script extends the piece before it; at the beginning it belongs to no piece and
/// vanishes, as in the reference.
void UnicodeScriptsPreTokenizer::split(Normalized& text, std::vector<Piece>& pieces) const {
  std::vector<Piece> out;
  for (const Piece& piece : pieces) {
    uint8_t last = 0;
    for (size_t i = piece.begin; i < piece.end;) {
      const size_t begin = i;
      const uint8_t script = joined_script(next_char(text.text, i));
      if (script != 0 && script != last)
        out.push_back({begin, i});
      else if (last != 0)
        out.back().end = i;
      if (script != 0) last = script;
    }
  }
  pieces.swap(out);
}

void FixedLengthPreTokenizer::split(Normalized& text, std::vector<Piece>& pieces) const {
  std::vector<Piece> out;
  for (const Piece& piece : pieces) {
    for (size_t i = piece.begin; i < piece.end;) {
      const size_t begin = i;
      for (size_t n = 0; n < length && i < piece.end; ++n) i += utf8_length(text.text[i]);
      out.push_back({begin, i});
    }
  }
  pieces.swap(out);
}

}  // namespace tern::text
