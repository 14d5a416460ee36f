// SPDX-License-Identifier: Apache-2.0
// Case folding as a map and its reverse; see case_folding.h.
#include "case_folding.h"

#include <map>

#include "../unicode/properties.h"

namespace tern::text {

namespace {

struct Foldings {
  std::map<char32_t, std::u32string> to;
  std::map<std::u32string, std::vector<char32_t>, std::less<>> from;

  Foldings() {
    for (const Folding& f : tern::text::foldings()) {
      std::u32string folded(f.folded.data(), f.size);
      from[folded].push_back(f.c);
      to.emplace(f.c, std::move(folded));
    }
  }
};

const Foldings& foldings_by_char() {
  static const Foldings all;
  return all;
}

}  // namespace

std::u32string fold(char32_t c) {
  const auto& to = foldings_by_char().to;
  const auto at = to.find(c);
  return at == to.end() ? std::u32string(1, c) : at->second;
}

CharSet case_variants(char32_t c) {
  const std::u32string folded = fold(c);
  CharSet set(c);
  if (folded.size() == 1) set.add(folded[0], folded[0]);
  const auto& from = foldings_by_char().from;
  const auto at = from.find(folded);
  if (at == from.end()) return set;
  for (const char32_t x : at->second) set.add(x, x);
  return set;
}

size_t find_folded(std::u32string_view text, CharSet& singles) {
  const auto& from = foldings_by_char().from;
  for (size_t n = 3; n >= 2; --n) {
    if (text.size() < n) continue;
    std::u32string folded;
    for (const char32_t c : text.substr(0, n)) folded += fold(c);
    if (folded.size() != n) continue;  // a member folds to several by itself
    const auto at = from.find(folded);
    if (at == from.end()) continue;
    for (const char32_t x : at->second) singles.add(x, x);
    return n;
  }
  return 0;
}

CharSet close_over_case(const CharSet& set, std::vector<std::u32string>& several) {
  CharSet closed = set;
  for (const auto& [folded, sources] : foldings_by_char().from) {
    bool any = folded.size() == 1 && set.contains(folded[0]);
    for (const char32_t c : sources) any = any || set.contains(c);
    if (!any) continue;
    if (folded.size() == 1)
      closed.add(folded[0], folded[0]);
    else
      several.push_back(folded);
    for (const char32_t c : sources) closed.add(c, c);
  }
  return closed;
}

}  // namespace tern::text
