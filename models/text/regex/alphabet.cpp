// SPDX-License-Identifier: Apache-2.0
// Partition of the code points by membership; see alphabet.h.
#include "alphabet.h"

#include <algorithm>
#include <map>

#include "../unicode/utf8.h"

namespace tern::text {

namespace {

struct Edge {
  char32_t at;
  size_t set;
};

}  // namespace

bool Alphabet::build(const std::vector<CharSet>& sets) {
  std::vector<Edge> edges;
  for (size_t s = 0; s < sets.size(); ++s) {
    for (const CharSet::Range& r : sets[s].ranges()) {
      edges.push_back({r.begin, s});
      edges.push_back({r.end, s});
    }
  }
  std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.at < b.at; });
  std::map<std::vector<bool>, uint8_t> known;
  std::vector<bool> members(sets.size());
  std::string of_code(CharSet::kEnd, '\0');
  letters_.assign(sets.size(), {});
  char32_t at = 0;
  for (size_t i = 0; at < CharSet::kEnd;) {
    for (; i < edges.size() && edges[i].at == at; ++i) members[edges[i].set].flip();
    const char32_t end = i < edges.size() ? edges[i].at : CharSet::kEnd;
    auto found = known.find(members);
    if (found == known.end()) {
      if (known.size() == kMost) return false;
      const auto letter = static_cast<uint8_t>(known.size());
      found = known.emplace(members, letter).first;
      for (size_t s = 0; s < sets.size(); ++s) {
        if (members[s]) letters_[s].push_back(letter);
      }
    }
    std::fill(of_code.begin() + at, of_code.begin() + end, static_cast<char>(found->second));
    at = end;
  }
  of_code_.assign(of_code);
  size_ = known.size();
  return true;
}

void Alphabet::spell(std::string_view text, std::string& out) const {
  out.resize(text.size());
  size_t n = 0;
  for (size_t i = 0; i < text.size();) out[n++] = static_cast<char>(letter(next_char(text, i)));
  out.resize(n);
}

}  // namespace tern::text
