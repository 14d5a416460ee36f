// SPDX-License-Identifier: Apache-2.0
#include "save_shards.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <utility>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "key_names.h"
#include "save_options.h"

namespace tern {

namespace {

[[noreturn]] void fail_size(std::string_view text) {
  fail(ErrorCode::invalid_argument,
       cat("max_shard_size is '", printable_name(text),
           "'; expected a number of bytes from 1 on, or one with TB, GB, MB or KB, as \"5GB\""));
}

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

uint64_t parse_size(std::string_view whole) {
  constexpr std::pair<std::string_view, double> kUnits[] = {
      {"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}};
  std::string_view text = trimmed(whole);
  double factor = 1;
  for (const auto& [unit, bytes] : kUnits) {
    if (text.size() < 2 || std::toupper(static_cast<unsigned char>(text.back())) != 'B' ||
        std::toupper(static_cast<unsigned char>(text[text.size() - 2])) != unit[0]) {
      continue;
    }
    text = trimmed(text.substr(0, text.size() - 2));
    factor = bytes;
    break;
  }
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  const double bytes = number * factor;
  if (error != std::errc() || stop != end || !std::isfinite(bytes) || bytes < 1) fail_size(whole);
  constexpr double kMost = 9.2e18;
  return static_cast<uint64_t>(std::min(bytes, kMost));
}

std::string digits5(size_t number) {
  const std::string text = std::to_string(number);
  return std::string(text.size() < 5 ? 5 - text.size() : 0, '0') + text;
}

}  // namespace

ShardSize::ShardSize(std::string_view text) : bytes_(parse_size(text)) {}

ShardSize::ShardSize(int64_t bytes, int) : bytes_(static_cast<uint64_t>(bytes)) {
  if (bytes < 1) fail_size(std::to_string(bytes));
}

std::vector<Shard> split_into_shards(std::span<const uint64_t> sizes, uint64_t limit,
                                     const std::string& variant) {
  std::vector<Shard> shards;
  Shard filling;
  uint64_t filled = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] > limit) {
      shards.push_back({{}, {i}});
      continue;
    }
    if (sizes[i] > limit - filled) {
      shards.push_back(std::exchange(filling, {}));
      filled = 0;
    }
    filling.tensors.push_back(i);
    filled += sizes[i];
  }
  if (!filling.tensors.empty() || shards.empty()) shards.push_back(std::move(filling));
  const std::string file = with_variant("model.safetensors", variant);
  const std::string_view stem = std::string_view(file).substr(0, file.rfind('.'));
  for (size_t i = 0; i < shards.size(); ++i) {
    shards[i].file = shards.size() == 1 ? file
                                        : cat(stem, "-", digits5(i + 1), "-of-",
                                              digits5(shards.size()), ".safetensors");
  }
  return shards;
}

bool is_shard_name(std::string_view file, std::string_view stem) noexcept {
  constexpr std::string_view kPattern = "-00000-of-00000.safetensors";
  if (!file.starts_with(stem) || file.size() != stem.size() + kPattern.size()) return false;
  file.remove_prefix(stem.size());
  for (size_t i = 0; i < file.size(); ++i) {
    const bool digit = file[i] >= '0' && file[i] <= '9';
    if (kPattern[i] == '0' ? !digit : file[i] != kPattern[i]) return false;
  }
  return true;
}

}  // namespace tern
