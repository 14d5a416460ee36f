// SPDX-License-Identifier: Apache-2.0
#include "key_names.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>

#include "../engine/base/format.h"

namespace tern {

namespace {

constexpr size_t kLongestCompared = 256;
constexpr size_t kMostCandidates = 4096;
constexpr size_t kLongestPrinted = 200;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// The run of digits at the start of `text` without leading zeros; `text` moves behind it.
std::string_view take_number(std::string_view& text) {
  size_t end = 0;
  while (end < text.size() && is_digit(text[end])) ++end;
  std::string_view digits = text.substr(0, end);
  text.remove_prefix(end);
  while (digits.size() > 1 && digits.front() == '0') digits.remove_prefix(1);
  return digits;
}

/// Levenshtein distance, or limit + 1 as soon as it must exceed `limit`.
size_t edit_distance(std::string_view a, std::string_view b, size_t limit) {
  const size_t gap = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
  if (gap > limit) return limit + 1;
  std::array<size_t, kLongestCompared + 1> row;
  std::iota(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(b.size()) + 1, size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    size_t smallest = row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
      smallest = std::min(smallest, row[j]);
    }
    if (smallest > limit) return limit + 1;
  }
  return row[b.size()];
}

}  // namespace

bool natural_less(std::string_view a, std::string_view b) noexcept {
  const std::string_view whole_a = a, whole_b = b;
  while (!a.empty() && !b.empty()) {
    if (is_digit(a.front()) && is_digit(b.front())) {
      const std::string_view x = take_number(a), y = take_number(b);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
      continue;
    }
    if (a.front() != b.front()) {
      return static_cast<unsigned char>(a.front()) < static_cast<unsigned char>(b.front());
    }
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  if (a.empty() != b.empty()) return a.empty();
  return whole_a < whole_b;  // "01" and "1" are equal numbers but different names
}

std::string_view nearest_name(std::string_view name, const std::vector<std::string>& candidates) {
  std::string_view nearest;
  if (name.size() > kLongestCompared) return nearest;
  size_t limit = name.size() / 3;
  for (size_t i = 0; i < candidates.size() && i < kMostCandidates; ++i) {
    if (candidates[i].size() > kLongestCompared) continue;
    const size_t distance = edit_distance(name, candidates[i], limit);
    if (distance > limit) continue;
    nearest = candidates[i];
    if (distance == 0) break;
    limit = distance - 1;
  }
  return nearest;
}

std::string printable_name(std::string_view name) {
  size_t end = std::min(name.size(), kLongestPrinted);
  while (end < name.size() && end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0u) == 0x80u) {
    --end;  // not inside a UTF-8 sequence
  }
  std::string out(name.substr(0, end));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  if (end < name.size()) out += "…";
  return out;
}

std::string with_variant(const std::string& file, const std::string& variant) {
  if (variant.empty()) return file;
  const size_t dot = file.rfind('.');
  return cat(file.substr(0, dot), ".", variant, file.substr(dot));
}

std::vector<std::string> in_natural_order(const std::set<std::string>& names) {
  std::vector<std::string> sorted(names.begin(), names.end());
  std::sort(sorted.begin(), sorted.end(), natural_less);
  return sorted;
}

bool is_stored_buffer(std::string_view name) {
  return name == "position_ids" || name.ends_with(".position_ids") ||
         name.find("rotary_emb.inv_freq") != std::string_view::npos;
}

}  // namespace tern
