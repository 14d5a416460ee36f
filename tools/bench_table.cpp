// SPDX-License-Identifier: Apache-2.0
#include "bench_table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "../engine/base/format.h"
#include "display.h"

namespace tern::cli {

namespace {

constexpr const char* kBold = "1";
constexpr const char* kDim = "2";
constexpr const char* kRed = "31";
constexpr const char* kGreen = "32";
constexpr const char* kYellow = "33";

// Columns, each with the space before it.
constexpr size_t kRate = 10, kShare = 6, kLimit = 9, kRatio = 8, kTime = 11;

std::string fixed(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

std::string padded(const std::string& text, size_t width, bool right = true) {
  const size_t used = display_width(text);
  const std::string space(width > used ? width - used : 0, ' ');
  return right ? space + text : text + space;
}

/// Three digits and more of what is above 1.
std::string rate_text(double giga) {
  return fixed(giga, giga < 10 ? 2 : 1);
}

/// The counter that the column of rates shows; empty where there is none.
std::string unit_of(const BenchResult& result) {
  for (const char* unit : {"GFLOP/s", "GB/s"}) {
    if (result.counter(unit)) return unit;
  }
  return "";
}

/// Names whose shapes begin alike stand under the same heads: "tokens" of a prefill, "keys" of a
/// decoding step.
std::string kind_of(const BenchName& name) {
  return name.shape.empty() ? "" : name.shape.front().first;
}

std::string time_text(double seconds, bool unicode) {
  if (seconds >= 1e-3) return fixed(seconds * 1e3, 2) + " ms";
  return fixed(seconds * 1e6, seconds < 1e-4 ? 2 : 1) + (unicode ? " µs" : " us");
}

bool locale_is_utf8() {
  for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(variable);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view text(value);
    return text.find("UTF-8") != text.npos || text.find("utf8") != text.npos ||
           text.find("UTF8") != text.npos || text.find("utf-8") != text.npos;
  }
  return false;
}

/// The nearest of the machine's limits, and the share of it that is reached.
struct Limit {
  double share = 0;
  const char* name = "";
};

Limit nearest_limit(const BenchResult& result) {
  Limit nearest;
  for (const auto& [counter, name] :
       {std::pair("ceiling", "compute"), {"reading", "read"}, {"copying", "copy"}}) {
    const double share = result.counter(counter).value_or(0);
    if (share > nearest.share) nearest = {share, name};
  }
  return nearest;
}

}  // namespace

TableLook TableLook::of(int descriptor) {
  TableLook look;
  if (!is_terminal(descriptor)) return look;
  look.columns = terminal_columns(descriptor);
  look.bars = true;
  look.colour = wants_colour(descriptor);
  look.unicode = locale_is_utf8();
  return look;
}

void BenchTable::Mean::add(double value) {
  if (!(value > 0)) return;
  logarithms += std::log(value);
  ++count;
}

std::string BenchTable::Mean::text(int decimals) const {
  return count == 0 ? "" : fixed(std::exp(logarithms / count), decimals);
}

std::string BenchTable::coloured(const std::string& text, const char* colour) const {
  return look_.colour && !text.empty() ? cat("\x1b[", colour, "m", text, "\x1b[0m") : text;
}

std::string BenchTable::heading(const hub::Json& context) const {
  const auto text = [&](const char* key) {
    return printable(context[key].string().value_or(std::string_view()));
  };
  std::string rates;
  const std::pair<const char*, const char*> kRates[] = {{"tern_fma_avx512", "f32"},
                                                        {"tern_fma_avx2", "f32"},
                                                        {"tern_dot_bf16", "bf16"},
                                                        {"tern_dot_int8", "int8"}};
  for (const auto& [key, format] : kRates) {
    const double rate = std::atof(text(key).c_str());
    const std::string label = cat(rates.empty() ? "" : ", ", format, " ");
    if (rate > 0 && rates.find(format) == rates.npos) rates += label + fixed(rate, 0);
  }
  std::string baselines;
  for (const auto& [key, name] : {std::pair("tern_onednn", "oneDNN"), {"tern_eigen", "Eigen"}}) {
    const std::string version = text(key);
    baselines +=
        cat(baselines.empty() ? "" : ", ", name, " ", version.empty() ? "absent" : version);
  }
  std::string out = text("tern_isa");
  if (!rates.empty()) out += cat("; GFLOP/s of one core: ", rates);
  out += cat("\nbaselines: ", baselines, "\n");
  const std::string legend =
      "share: of the nearest limit, measured in the same windows:\n"
      "  compute (multiply-adds), read or copy (memory)\n"
      "oneDNN, Eigen: their time / ours, above 1 tern is faster\n";
  return out + coloured(legend, kDim);
}

void BenchTable::begin(const std::vector<BenchName>& names) {
  const BenchName& first = names.front();
  title_ = cat(printable(first.op), first.isa.empty() ? "" : " ", printable(first.isa));
  names_ = names;
  share_ = onednn_ = eigen_ = {};
  any_row_ = false;
}

size_t BenchTable::column_of(std::string_view key) {
  const std::string head = printable(key);
  const auto found = std::find_if(shape_.begin(), shape_.end(),
                                  [&](const ShapeColumn& column) { return column.head == head; });
  const auto index = static_cast<size_t>(found - shape_.begin());
  if (found == shape_.end()) shape_.push_back({head});
  return index;
}

void BenchTable::lay_out() {
  shape_.clear();
  for (const BenchName& name : names_) {
    if (kind_of(name) != kind_) continue;
    for (const auto& [key, value] : name.shape) {
      ShapeColumn& column = shape_[column_of(key)];
      column.width = std::max(column.width, display_width(printable(value)));
      column.numbers &= value.find_first_not_of("0123456789.-") == value.npos;
    }
  }
  size_t used = kRate + kShare;
  for (ShapeColumn& column : shape_) {
    column.width = std::max(column.width, display_width(column.head)) + 2;
    used += column.width;
  }
  fit(used);
}

void BenchTable::fit(size_t used) {
  struct Choice {
    size_t limit, time, bar, ratios;
  };
  constexpr size_t kGap = 2, kMinBar = 6, kGoodBar = 16, kMaxBar = 40;
  const size_t free = look_.columns > used ? look_.columns - used : 0;
  constexpr size_t kRatios = 2 * kRatio;
  for (const Choice& choice :
       {Choice{kLimit, kTime, kGoodBar, kRatios}, Choice{kLimit, 0, kMinBar, kRatios},
        Choice{0, 0, kMinBar, kRatios}, Choice{0, 0, 0, kRatios}, Choice{0, 0, 0, 0}}) {
    const size_t bar = look_.bars && choice.bar > 0 ? choice.bar + kGap : 0;
    const size_t needed = choice.limit + choice.time + choice.ratios + bar;
    limits_ = choice.limit > 0;
    times_ = choice.time > 0;
    ratios_ = choice.ratios > 0;
    bar_cells_ = bar > 0 ? std::min(kMaxBar, choice.bar + free - std::min(free, needed)) : 0;
    if (needed <= free) return;
  }
}

std::string BenchTable::bar(double share) const {
  static constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int steps = look_.unicode ? 8 : 1;
  const double filled = std::clamp(share, 0.0, 1.0) * static_cast<double>(bar_cells_);
  const auto count = static_cast<size_t>(std::lround(filled * steps));
  const size_t whole = count / static_cast<size_t>(steps);
  const size_t part = count % static_cast<size_t>(steps);
  std::string full, rest;
  for (size_t i = 0; i < whole; ++i) full += look_.unicode ? "█" : "#";
  if (part > 0) full += kEighths[part];
  for (size_t i = whole + (part > 0); i < bar_cells_; ++i) rest += look_.unicode ? " " : ".";
  constexpr double kGood = 0.85, kFair = 0.6;
  const char* colour = share >= kGood ? kGreen : share >= kFair ? kYellow : kRed;
  return cat("  ", coloured(full, colour), rest);
}

std::string BenchTable::ratio(const std::string& text) const {
  constexpr double kBehind = 0.97;
  const std::string cell = padded(text, kRatio);
  return !text.empty() && std::atof(text.c_str()) < kBehind ? coloured(cell, kRed) : cell;
}

std::string BenchTable::line(const Cells& cells, double share) const {
  std::string out;
  for (size_t i = 0; i < shape_.size(); ++i) {
    const std::string text = i < cells.shape.size() ? cells.shape[i] : "";
    out += shape_[i].numbers ? padded(text, shape_[i].width)
                             : padded("  " + text, shape_[i].width, false);
  }
  out += padded(cells.rate, kRate);
  if (bar_cells_ > 0) {
    out += share < 0 ? std::string(bar_cells_ + 2, ' ') : bar(share);
  }
  out += padded(cells.share, kShare);
  if (limits_) out += padded(" " + cells.limit, kLimit, false);
  if (ratios_) out += ratio(cells.onednn) + ratio(cells.eigen);
  if (times_) out += padded(cells.time, kTime);
  return out.erase(out.find_last_not_of(' ') + 1) + "\n";
}

std::string BenchTable::heads() {
  lay_out();
  Cells cells{{}, unit_, "share", "of", "oneDNN", "Eigen", "time"};
  for (const ShapeColumn& column : shape_) cells.shape.push_back(column.head);
  constexpr double kNoBar = -1;
  const std::string title = any_row_ ? "" : cat("\n", coloured(title_, kBold), "\n");
  return title + coloured(line(cells, kNoBar), kDim);
}

std::string BenchTable::row(const BenchResult& result) {
  const std::string none = look_.unicode ? "–" : "-";
  const std::string unit = unit_of(result), kind = kind_of(result.name);
  std::string out;
  if (!any_row_ || kind != kind_ || (unit != unit_ && !unit.empty())) {
    unit_ = unit;
    kind_ = kind;
    out = heads();
  }
  any_row_ = true;
  const Limit limit = nearest_limit(result);
  const auto percent = [](double share) { return fixed(share * 100, 0) + "%"; };
  const auto ratio_text = [&](const std::optional<double>& value) {
    return value ? fixed(*value, 2) : none;
  };
  const auto rate = result.counter(unit_), onednn = result.counter("onednn"),
             eigen = result.counter("eigen");
  Cells cells{std::vector<std::string>(shape_.size()),
              rate ? rate_text(*rate) : none,
              limit.share > 0 ? percent(limit.share) : none,
              limit.name,
              ratio_text(onednn),
              ratio_text(eigen),
              time_text(result.seconds, look_.unicode)};
  for (const auto& [key, value] : result.name.shape) cells.shape[column_of(key)] = printable(value);
  share_.add(limit.share);
  onednn_.add(onednn.value_or(0));
  eigen_.add(eigen.value_or(0));
  return out + line(cells, limit.share);
}

std::string BenchTable::end() const {
  if (std::max({share_.count, onednn_.count, eigen_.count}) < 2) return "";
  std::string share = share_.text(4);
  if (!share.empty()) share = fixed(std::atof(share.c_str()) * 100, 0) + "%";
  const Cells cells{{}, "", share, "", onednn_.text(2), eigen_.text(2), ""};
  constexpr double kNoBar = -1;
  std::string out = line(cells, kNoBar);
  const std::string label = "  geometric mean";
  if (out.substr(0, label.size()).find_first_not_of(' ') == out.npos) {
    out.replace(0, label.size(), label);
  }
  return coloured(out, kBold);
}

}  // namespace tern::cli
