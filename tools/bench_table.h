// SPDX-License-Identifier: Apache-2.0
// BenchTable: results of bench_kernels for a reader: one block per kernel, one line per shape, a
// bar for the share of what the machine can do; the column heads again where the shapes' kind or
// the rates' unit changes. Fits the columns there are: what does not fit leaves in the order time,
// limit, bar, baselines.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bench_results.h"

namespace tern::cli {

struct TableLook {
  size_t columns = 100;
  bool bars = false, colour = false;
  bool unicode = false;  // the locale's encoding is UTF-8

  /// On a terminal its width, bars, and colours unless NO_COLOR is set; else plain text.
  static TableLook of(int descriptor);
};

class BenchTable {
 public:
  explicit BenchTable(const TableLook& look) : look_(look) {}

  /// The machine, the baselines, and how to read the table. `context` is Google Benchmark's.
  std::string heading(const hub::Json& context) const;

  /// The rows of one kernel that are to come: at least one.
  void begin(const std::vector<BenchName>& names);
  /// A line, of one of those names, with the column heads before it where they are new.
  std::string row(const BenchResult& result);
  /// Geometric means, where there were two or more rows.
  std::string end() const;

 private:
  struct ShapeColumn {
    std::string head;
    size_t width = 0;
    bool numbers = true;
  };
  struct Cells {  // of one line, without colours
    std::vector<std::string> shape;
    std::string rate, share, limit, onednn, eigen, time;
  };
  struct Mean {
    double logarithms = 0;
    int count = 0;
    void add(double value);
    std::string text(int decimals) const;
  };

  /// The shape's column of that key, which is new when there was none.
  size_t column_of(std::string_view key);
  /// The columns of the shapes of kind_.
  void lay_out();
  void fit(size_t used);
  std::string heads();
  std::string line(const Cells& cells, double share) const;
  std::string bar(double share) const;
  std::string coloured(const std::string& text, const char* colour) const;
  std::string ratio(const std::string& text) const;

  TableLook look_;
  std::vector<BenchName> names_;
  std::string title_, unit_, kind_;
  std::vector<ShapeColumn> shape_;
  size_t bar_cells_ = 0;
  bool limits_ = true, times_ = true, ratios_ = true;
  Mean share_, onednn_, eigen_;
  bool any_row_ = false;
};

}  // namespace tern::cli
