// SPDX-License-Identifier: Apache-2.0
// Truncation and padding of encodings, as the reference's enable_truncation and enable_padding do.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tokenizer.h"

namespace tern::text {

struct Truncation {
  int64_t max_length = 0;  // 0: nothing may remain
  TruncationStrategy strategy = TruncationStrategy::longest_first;
  Side side = Side::right;
  int64_t stride = 0;
  bool want_overflow = false;
};

/// Cuts one sequence or two (`second` may be null) to max_length tokens together. invalid_argument
/// when the strategy's sequence is missing or too short, or the stride does not fit.
void truncate(Encoding& first, Encoding* second, const Truncation& how);

struct Padding {
  Side side = Side::right;
  int64_t pad_id = 0, pad_type_id = 0;
  std::string pad_token = "[PAD]";
  std::optional<int64_t> length;  // absent: the longest of the batch
  int64_t multiple = 0;           // 0: any length
};

/// Pads every encoding, its windows too, in the members that it has for each token.
/// invalid_argument when the result would exceed 2^31 tokens.
void pad(std::vector<Encoding>& batch, const Padding& how);

/// The next multiple of `multiple` (0: any length will do).
int64_t round_up(int64_t length, int64_t multiple);

}  // namespace tern::text
