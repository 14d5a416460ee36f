// SPDX-License-Identifier: Apache-2.0
// How save_pretrained is asked to write a model.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "../engine/base/api.h"

namespace tern {

/// Bytes, or a text as "5GB", "1.5 gb", "200MB", "64KB", "1TB" (powers of ten). invalid_argument:
/// less than a byte, another unit, no number.
class TERN_API ShardSize {
 public:
  ShardSize(std::integral auto bytes)  // NOLINT(google-explicit-constructor)
      : ShardSize(static_cast<int64_t>(bytes), 0) {}
  ShardSize(const char* text) : ShardSize(std::string_view(text)) {}         // NOLINT
  ShardSize(const std::string& text) : ShardSize(std::string_view(text)) {}  // NOLINT
  explicit ShardSize(std::string_view text);

  uint64_t bytes() const noexcept { return bytes_; }

 private:
  ShardSize(int64_t bytes, int);
  uint64_t bytes_;
};

struct SaveOptions {
  /// The weights of a larger model come in several files, none larger than this unless it holds
  /// one tensor alone, with an index.
  ShardSize max_shard_size = "50GB";
  /// "fp16": model.fp16.safetensors, …
  std::string variant = {};
};

}  // namespace tern
