// SPDX-License-Identifier: Apache-2.0
// Set algebra on ranges; see char_set.h.
#include "char_set.h"

#include <algorithm>

namespace tern::text {

const std::vector<CharSet::Range>& CharSet::ranges() const {
  if (tidy_) return ranges_;
  std::sort(ranges_.begin(), ranges_.end());
  size_t kept = 0;
  for (size_t i = 0; i < ranges_.size(); ++i) {
    if (kept > 0 && ranges_[i].begin <= ranges_[kept - 1].end)
      ranges_[kept - 1].end = std::max(ranges_[kept - 1].end, ranges_[i].end);
    else
      ranges_[kept++] = ranges_[i];
  }
  ranges_.resize(kept);
  tidy_ = true;
  return ranges_;
}

void CharSet::add(char32_t first, char32_t last) {
  ranges_.push_back({first, last + 1});
  tidy_ = false;
}

void CharSet::add(const CharSet& other) {
  const std::vector<Range> copy = other.ranges();
  ranges_.insert(ranges_.end(), copy.begin(), copy.end());
  tidy_ = false;
}

void CharSet::invert() {
  std::vector<Range> gaps;
  char32_t at = 0;
  for (const Range& r : ranges()) {
    if (at < r.begin) gaps.push_back({at, r.begin});
    at = r.end;
  }
  if (at < kEnd) gaps.push_back({at, kEnd});
  ranges_.swap(gaps);
}

void CharSet::intersect(const CharSet& other) {
  std::vector<Range> both;
  const auto &a = ranges(), &b = other.ranges();
  for (size_t i = 0, k = 0; i < a.size() && k < b.size();) {
    const char32_t begin = std::max(a[i].begin, b[k].begin), end = std::min(a[i].end, b[k].end);
    if (begin < end) both.push_back({begin, end});
    if (a[i].end < b[k].end)
      ++i;
    else
      ++k;
  }
  ranges_.swap(both);
}

bool CharSet::contains(char32_t c) const {
  const auto& r = ranges();
  const auto after = std::upper_bound(r.begin(), r.end(), c,
                                      [](char32_t x, const Range& y) { return x < y.begin; });
  return after != r.begin() && c < (after - 1)->end;
}

}  // namespace tern::text
