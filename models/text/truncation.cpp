// SPDX-License-Identifier: Apache-2.0
// Cutting and filling encodings; see truncation.h.
#include "truncation.h"

#include <algorithm>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"

namespace tern::text {

namespace {

constexpr int64_t kMaxTokens = int64_t{1} << 31;

int64_t length_of(const Encoding& e) {
  return static_cast<int64_t>(e.ids.size());
}

template <class T>
std::vector<T> part(const std::vector<T>& all, int64_t begin, int64_t end) {
  if (all.empty()) return {};
  return std::vector<T>(all.begin() + begin, all.begin() + end);
}

Encoding window(const Encoding& e, int64_t begin, int64_t end) {
  return {part(e.ids, begin, end),
          part(e.type_ids, begin, end),
          part(e.tokens, begin, end),
          part(e.offsets, begin, end),
          part(e.word_ids, begin, end),
          part(e.sequence_ids, begin, end),
          part(e.special_tokens_mask, begin, end),
          part(e.attention_mask, begin, end),
          {}};
}

/// The windows of `max` tokens, each beginning `max - stride` after (before, on the left) the last.
std::vector<std::pair<int64_t, int64_t>> windows(int64_t length, int64_t max,
                                                 const Truncation& how) {
  std::vector<std::pair<int64_t, int64_t>> out;
  const int64_t step = max - how.stride;
  if (how.side == Side::right) {
    for (int64_t begin = 0; begin < length; begin += step) {
      out.push_back({begin, std::min(begin + max, length)});
      if (out.back().second == length || !how.want_overflow) break;
    }
  } else {
    for (int64_t end = length; end > 0; end -= step) {
      out.push_back({std::max<int64_t>(end - max, 0), end});
      if (out.back().first == 0 || !how.want_overflow) break;
    }
  }
  return out;
}

void cut(Encoding& e, int64_t max, const Truncation& how) {
  if (max >= length_of(e)) return;
  if (max == 0) {
    Encoding all = std::move(e);
    e = Encoding{};
    if (how.want_overflow) e.overflowing.push_back(std::move(all));
    return;
  }
  if (how.stride >= max) {
    fail(ErrorCode::invalid_argument,
         cat("`stride` must be strictly less than `max_len=", max,
             "` (max_len is what remains of max_length without the special tokens)"));
  }
  const auto parts = windows(length_of(e), max, how);
  const Encoding all = std::move(e);
  e = window(all, parts[0].first, parts[0].second);
  for (size_t i = 1; i < parts.size(); ++i) {
    e.overflowing.push_back(window(all, parts[i].first, parts[i].second));
  }
}

/// What longest_first leaves of both: the shorter keeps all that it can.
std::pair<int64_t, int64_t> share(int64_t first, int64_t second, int64_t max) {
  const bool swapped = first > second;
  int64_t shorter = std::min(first, second);
  int64_t longer = shorter > max ? shorter : std::max(shorter, max - shorter);
  if (shorter + longer > max) {
    shorter = max / 2;
    longer = shorter + max % 2;
  }
  return swapped ? std::pair{longer, shorter} : std::pair{shorter, longer};
}

}  // namespace

void truncate(Encoding& first, Encoding* second, const Truncation& how) {
  if (how.strategy == TruncationStrategy::do_not_truncate) return;
  if (how.max_length == 0) {
    cut(first, 0, how);
    if (second) cut(*second, 0, how);
    return;
  }
  const int64_t total = length_of(first) + (second ? length_of(*second) : 0);
  const int64_t excess = total - how.max_length;
  if (excess <= 0) return;
  if (how.strategy == TruncationStrategy::longest_first) {
    if (!second) return cut(first, how.max_length, how);
    const auto [a, b] = share(length_of(first), length_of(*second), how.max_length);
    cut(first, a, how);
    return cut(*second, b, how);
  }
  Encoding* const target = how.strategy == TruncationStrategy::only_first ? &first : second;
  if (!target) fail(ErrorCode::invalid_argument, "Truncation error: Second sequence not provided");
  if (length_of(*target) <= excess) {
    fail(ErrorCode::invalid_argument,
         "Truncation error: Sequence to truncate too short to respect the provided max_length");
  }
  cut(*target, length_of(*target) - excess, how);
}

int64_t round_up(int64_t length, int64_t multiple) {
  if (multiple <= 0 || length % multiple == 0) return length;
  return length + multiple - length % multiple;
}

namespace {

void pad_one(Encoding& e, int64_t length, const Padding& how) {
  for (Encoding& o : e.overflowing) pad_one(o, length, how);
  const size_t had = e.ids.size();
  if (length_of(e) >= length) return;
  const auto fill = [&](auto& values, auto value) {
    if (values.size() != had) return;  // not asked for
    const size_t missing = static_cast<size_t>(length) - had;
    values.insert(how.side == Side::right ? values.end() : values.begin(), missing, value);
  };
  fill(e.type_ids, how.pad_type_id);
  fill(e.special_tokens_mask, uint8_t{1});
  fill(e.attention_mask, uint8_t{0});
  fill(e.tokens, how.pad_token);
  fill(e.offsets, std::pair<int32_t, int32_t>{0, 0});
  fill(e.word_ids, -1);
  fill(e.sequence_ids, -1);
  fill(e.ids, how.pad_id);
}

}  // namespace

void pad(std::vector<Encoding>& batch, const Padding& how) {
  int64_t length = how.length.value_or(0);
  if (!how.length) {
    for (const Encoding& e : batch) length = std::max(length, length_of(e));
  }
  const auto rows = static_cast<int64_t>(batch.size());
  if (length < 0 || how.multiple < 0 || length > kMaxTokens || how.multiple > kMaxTokens ||
      round_up(length, how.multiple) > kMaxTokens / std::max<int64_t>(rows, 1)) {
    fail(ErrorCode::invalid_argument,
         cat("padding of ", rows, " sequences to ", length, " tokens (a multiple of ", how.multiple,
             ") is too large"));
  }
  length = round_up(length, how.multiple);
  for (Encoding& e : batch) pad_one(e, length, how);
}

}  // namespace tern::text
