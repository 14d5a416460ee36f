// SPDX-License-Identifier: Apache-2.0
// Ranked lines of text, shown for people or as JSON: what search and rerank print.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tern::cli {

struct Hit {
  float score = 0;
  uint64_t line = 0;  // counted from 1
  std::string text;
  std::vector<float> logits = {};  // of a classifier with several labels
};

/// Higher scores first (NaN last); of equal ones the earlier line.
bool ranks_before(const Hit& a, const Hit& b) noexcept;

/// The best `capacity` hits seen so far; 0 keeps all.
class Ranking {
 public:
  explicit Ranking(size_t capacity) : capacity_(capacity) {}
  /// The text is copied only when the hit is kept.
  void add(float score, uint64_t line, std::string_view text, std::span<const float> logits = {});
  /// Best first; the ranking is empty afterwards.
  std::vector<Hit> take();

 private:
  size_t capacity_;
  std::vector<Hit> hits_;  // a heap with the worst in front, once full
};

/// The query as a heading, then rank, score, line number and text in columns; cut to the terminal
/// and coloured when standard output is one.
void print_ranking(std::string_view query, std::span<const Hit> hits);
/// One line: {"query":…,"results":[{"rank","score","line","text"[,"logits"]}…]}
void print_ranking_json(std::string_view query, std::span<const Hit> hits);

}  // namespace tern::cli
