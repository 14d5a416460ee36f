// SPDX-License-Identifier: Apache-2.0
#include "bench_results.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "../engine/base/error.h"
#include "../engine/base/format.h"

namespace tern::cli {

namespace {

using hub::Json;

constexpr std::string_view kSource = "the output of bench_kernels";

/// What Google Benchmark itself adds to a name.
bool about_measuring(std::string_view part) {
  static constexpr std::string_view kAdded[] = {"iterations:",  "repeats:",        "threads:",
                                                "min_time:",    "manual_time",     "real_time",
                                                "process_time", "min_warmup_time:"};
  return std::any_of(std::begin(kAdded), std::end(kAdded),
                     [&](std::string_view added) { return part.substr(0, added.size()) == added; });
}

/// Numbers of a result that are not counters.
bool about_running(std::string_view key) {
  static constexpr std::string_view kFields[] = {"family_index", "per_family_instance_index",
                                                 "repetitions",  "repetition_index",
                                                 "threads",      "iterations",
                                                 "real_time",    "cpu_time"};
  return std::find(std::begin(kFields), std::end(kFields), key) != std::end(kFields);
}

/// Where the instruction set begins in "gemm_f32_avx512_vnni".
size_t isa_begin(std::string_view kernel) {
  static constexpr std::string_view kFirst[] = {"_generic", "_avx", "_amx", "_sse",
                                                "_neon",    "_sve", "_cuda"};
  size_t begin = std::string_view::npos;
  for (const std::string_view first : kFirst) begin = std::min(begin, kernel.find(first));
  return begin;
}

std::string_view trimmed(std::string_view line) {
  const size_t begin = line.find_first_not_of(' ');
  return begin == std::string_view::npos ? std::string_view() : line.substr(begin);
}

Json shape_value(const std::string& text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? Json::make(number) : Json::make(std::string_view(text));
}

}  // namespace

BenchName BenchName::parse(std::string_view full) {
  BenchName name;
  name.full = full;
  for (bool first = true; !full.empty(); first = false) {
    const size_t end = std::min(full.find('/'), full.size());
    const std::string_view part = full.substr(0, end);
    full.remove_prefix(std::min(end + 1, full.size()));
    if (first) {
      const size_t isa = std::min(isa_begin(part), part.size());
      name.kernel = part;
      name.op = part.substr(0, isa);
      name.isa = isa < part.size() ? part.substr(isa + 1) : "";
    } else if (!about_measuring(part)) {
      const size_t colon = part.find(':');
      if (colon == std::string_view::npos) {
        name.shape.emplace_back("", part);
      } else {
        name.shape.emplace_back(part.substr(0, colon), part.substr(colon + 1));
      }
    }
  }
  return name;
}

BenchResult BenchResult::from(const Json& json) {
  const auto name = json["name"].string();
  const auto time = json["real_time"].number();
  if (!name) fail(ErrorCode::corrupt, cat(kSource, ": a benchmark without a name"));
  if (json["error_occurred"].boolean().value_or(false)) {
    fail(ErrorCode::internal, cat(*name, ": ", json["error_message"].string().value_or("failed")));
  }
  if (!time) fail(ErrorCode::corrupt, cat(kSource, ": ", *name, " has no real_time"));
  const std::string_view unit = json["time_unit"].string().value_or("ns");
  const double scale = unit == "s" ? 1 : unit == "ms" ? 1e-3 : unit == "us" ? 1e-6 : 1e-9;
  BenchResult result = {BenchName::parse(*name), *time * scale, {}};
  for (const auto& [key, value] : json.members()) {
    const auto number = value.number();
    if (number && !about_running(key)) result.counters.emplace_back(key, *number);
  }
  return result;
}

std::optional<double> BenchResult::counter(std::string_view key) const {
  for (const auto& [known, value] : counters) {
    if (known == key) return value;
  }
  return std::nullopt;
}

Json BenchResult::to_json() const {
  std::vector<Json::NewMember> shape;
  for (const auto& [key, value] : name.shape) {
    shape.emplace_back(key.empty() ? "case" : key, shape_value(value));
  }
  std::vector<Json::NewMember> members = {{"kernel", Json::make(std::string_view(name.kernel))},
                                          {"op", Json::make(std::string_view(name.op))},
                                          {"isa", Json::make(std::string_view(name.isa))},
                                          {"shape", Json::object(std::move(shape))},
                                          {"seconds", Json::make(seconds)}};
  constexpr double kGiga = 1e9;
  for (const auto& [key, value] : counters) {
    if (key == "GFLOP/s") {
      members.emplace_back("flop_per_second", Json::make(value * kGiga));
    } else if (key == "GB/s") {
      members.emplace_back("bytes_per_second", Json::make(value * kGiga));
    } else {
      members.emplace_back(key, Json::make(value));
    }
  }
  return Json::object(std::move(members));
}

BenchReader::Found BenchReader::add(std::string_view line) {
  line = trimmed(line);
  if (in_context_) {
    if (line.substr(0, 13) != "\"benchmarks\":") {
      text_ += line;
      return Found::nothing;
    }
    in_context_ = false;
    if (!text_.empty() && text_.back() == ',') text_.pop_back();
    json_ = Json::parse(text_ + "}", kSource)["context"];
    return Found::context;
  }
  if (line == "{") {
    text_.clear();
    in_result_ = true;
  }
  if (!in_result_) return Found::nothing;
  if (line != "}," && line != "}") {
    text_ += line;
    return Found::nothing;
  }
  in_result_ = false;
  json_ = Json::parse(text_ + "}", kSource);
  return Found::result;
}

}  // namespace tern::cli
