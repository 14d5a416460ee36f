// SPDX-License-Identifier: Apache-2.0
#include "ranking.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "../engine/base/format.h"
#include "../hub/formats/json.h"
#include "display.h"
#include "vectors.h"

namespace tern::cli {

namespace {

/// "0.8123", "-11.2000": four digits after the point.
std::string score_text(float score) {
  char digits[64];
  std::snprintf(digits, sizeof digits, "%.4f", static_cast<double>(score));
  return digits;
}

std::string right_aligned(const std::string& text, size_t width) {
  return std::string(width - std::min(width, text.size()), ' ') + text;
}

std::string_view without_indent(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin);
}

struct Style {
  std::string_view heading, score, faint, off;
};
constexpr Style kPlain = {};
constexpr Style kColour = {"\x1b[1m", "\x1b[32m", "\x1b[2m", "\x1b[0m"};

}  // namespace

bool ranks_before(const Hit& a, const Hit& b) noexcept {
  const bool a_is_nan = std::isnan(a.score), b_is_nan = std::isnan(b.score);
  if (a_is_nan != b_is_nan) return b_is_nan;
  if (!a_is_nan && a.score != b.score) return a.score > b.score;
  return a.line < b.line;
}

void Ranking::add(float score, uint64_t line, std::string_view text,
                  std::span<const float> logits) {
  Hit hit = {.score = score, .line = line, .text = {}};
  const bool full = capacity_ > 0 && hits_.size() == capacity_;
  if (full && !ranks_before(hit, hits_.front())) return;
  hit.text = text;
  hit.logits.assign(logits.begin(), logits.end());
  if (full) {
    std::pop_heap(hits_.begin(), hits_.end(), ranks_before);
    hits_.pop_back();
  }
  hits_.push_back(std::move(hit));
  if (capacity_ > 0) std::push_heap(hits_.begin(), hits_.end(), ranks_before);
}

std::vector<Hit> Ranking::take() {
  std::sort(hits_.begin(), hits_.end(), ranks_before);
  return std::exchange(hits_, {});
}

void print_ranking(std::string_view query, std::span<const Hit> hits) {
  const Style& style = wants_colour(STDOUT_FILENO) ? kColour : kPlain;
  const size_t columns = terminal_columns(STDOUT_FILENO);
  size_t score_width = 0, line_width = 0;
  for (const Hit& hit : hits) {
    score_width = std::max(score_width, score_text(hit.score).size());
    line_width = std::max(line_width, std::to_string(hit.line).size());
  }
  const size_t rank_width = std::to_string(hits.size()).size() + 1;
  const size_t fixed = rank_width + score_width + line_width + 6;  // two spaces between columns
  constexpr size_t kLeast = 10;
  const size_t room = columns == 0 ? 0 : columns > fixed + kLeast ? columns - fixed : kLeast;

  std::string out = cat(style.heading, printable(query, columns), style.off, "\n");
  for (size_t i = 0; i < hits.size(); ++i) {
    out += cat(right_aligned(std::to_string(i + 1), rank_width), "  ", style.score,
               right_aligned(score_text(hits[i].score), score_width), style.off, "  ", style.faint,
               right_aligned(std::to_string(hits[i].line), line_width), style.off, "  ",
               printable(without_indent(hits[i].text), room), "\n");
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
}

void print_ranking_json(std::string_view query, std::span<const Hit> hits) {
  std::string out = cat("{\"query\":", hub::json_quote(query), ",\"results\":[");
  for (size_t i = 0; i < hits.size(); ++i) {
    out += cat(i ? "," : "", "{\"rank\":", i + 1, ",\"score\":");
    append_number(out, hits[i].score);
    out += cat(",\"line\":", hits[i].line, ",\"text\":", hub::json_quote(hits[i].text));
    for (size_t k = 0; k < hits[i].logits.size(); ++k) {
      out += k == 0 ? ",\"logits\":[" : ",";
      append_number(out, hits[i].logits[k]);
    }
    out += hits[i].logits.empty() ? "}" : "]}";
  }
  out += "]}\n";
  std::fwrite(out.data(), 1, out.size(), stdout);
}

}  // namespace tern::cli
