// SPDX-License-Identifier: Apache-2.0
// BenchTable: results of bench_kernels for a reader: one block per kernel, one line per shape, a
// bar for the share of what the machine can do. Fits the columns there are: what does not fit
// leaves in the order time, limit, bar.
#pragma once

#include <string>
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
  /// A line; the first of a kernel comes with the column heads.
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

  void fit(size_t used);
  std::string heads(const BenchResult& first);
  std::string line(const Cells& cells, double share) const;
  std::string bar(double share) const;
  std::string coloured(const std::string& text, const char* colour) const;
  std::string ratio(const std::string& text) const;

  TableLook look_;
  std::string title_, unit_;
  std::vector<ShapeColumn> shape_;
  size_t bar_cells_ = 0;
  bool limits_ = true, times_ = true;
  Mean share_, onednn_, eigen_;
  bool any_row_ = false;
};

}  // namespace tern::cli
