// SPDX-License-Identifier: Apache-2.0
// What bench_kernels reports: the names of benchmarks, taken apart, and their results, read from
// Google Benchmark's JSON while it is being written. bench/kernels/README.md says what the names
// and counters mean.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../hub/formats/json.h"

namespace tern::cli {

/// "gemm_f32_avx512/m:64/n:384/iterations:40/manual_time": kernel "gemm_f32_avx512", op "gemm_f32",
/// isa "avx512", shape {m 64, n 384}. A part without a colon has an empty key.
struct BenchName {
  std::string full, kernel, op, isa;
  std::vector<std::pair<std::string, std::string>> shape;

  static BenchName parse(std::string_view full);
};

/// One kernel on one shape.
struct BenchResult {
  BenchName name;
  double seconds = 0;
  std::vector<std::pair<std::string, double>> counters;  // all there are, by bench_kernels's names

  /// Absent: not measured, not known, or that library cannot do it.
  std::optional<double> counter(std::string_view name) const;

  /// Error corrupt when it is none of Google Benchmark's; a benchmark that failed there is Error
  /// internal with its message.
  static BenchResult from(const hub::Json& json);
  hub::Json to_json() const;
};

/// Cuts Google Benchmark's JSON, line by line, into its context and its results.
class BenchReader {
 public:
  enum class Found { nothing, context, result };
  Found add(std::string_view line);
  /// The one that add() found last.
  const hub::Json& json() const { return json_; }

 private:
  std::string text_;
  bool in_context_ = true, in_result_ = false;
  hub::Json json_;
};

}  // namespace tern::cli
