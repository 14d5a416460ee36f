// SPDX-License-Identifier: Apache-2.0
#include "verify_tensors.h"

#include <algorithm>
#include <cstring>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "../engine/base/log.h"
#include "../engine/blocks.h"
#include "../models/stored_tensor.h"

namespace tern::cli {

namespace {

constexpr size_t kBlock = 1 << 20;  // bytes

/// Words whose bits under `mask` (the exponent) are all set: infinities and NaN.
template <class Word>
int64_t count_words(const std::byte* bytes, size_t size, Word mask) {
  int64_t count = 0;
  for (size_t at = 0; at + sizeof(Word) <= size; at += sizeof(Word)) {
    Word word;
    std::memcpy(&word, bytes + at, sizeof word);
    count += (word & mask) == mask ? 1 : 0;
  }
  return count;
}

int64_t count_not_finite(DType dtype, const std::byte* bytes, size_t size) {
  switch (dtype) {
    case DType::f64:
      return count_words<uint64_t>(bytes, size, 0x7FF0000000000000u);
    case DType::f32:
      return count_words<uint32_t>(bytes, size, 0x7F800000u);
    case DType::bf16:
      return count_words<uint16_t>(bytes, size, 0x7F80u);
    case DType::f16:
      return count_words<uint16_t>(bytes, size, 0x7C00u);
    case DType::f8_e4m3:  // 0x7F and 0xFF alone, NaN
      return count_words<uint8_t>(bytes, size, 0x7Fu);
    case DType::f8_e5m2:
      return count_words<uint8_t>(bytes, size, 0x7Cu);
    default:
      return 0;
  }
}

/// Reads in what is going to be looked at.
void populate(const Tensor& x, const std::byte* data, size_t size) {
  if (x.storage()->populate(data, size)) return;
  fail(ErrorCode::io, "a file was cut while it was read, or its disk fails");
}

/// Of blocks, the values that they stand for: an infinite scale makes all of its block so.
int64_t count_in_blocks(const Tensor& stored) {
  const Tensor x = stored.dense() ? stored : turned(stored);
  if (x.numel() == 0) return 0;
  const int64_t columns = x.shape().back(), rows = x.numel() / columns;
  const Tensor table = x.reshape({rows, columns});
  const int64_t step = std::max<int64_t>(1, static_cast<int64_t>(kBlock) / columns);
  int64_t count = 0;
  for (int64_t begin = 0; begin < rows; begin += step) {
    const Tensor part = table.slice(0, begin, std::min(begin + step, rows));
    populate(part, part.raw(), part.bytes());
    const Tensor values = dequantized(part);
    count += count_not_finite(values.dtype(), values.raw(), values.bytes());
  }
  return count;
}

int64_t count_not_finite(const Tensor& stored) {
  if (bits(stored.dtype()) == 0) return count_in_blocks(stored);
  const Tensor x = stored.dense() ? stored : stored.clone();
  int64_t count = 0;
  for (size_t at = 0; at < x.bytes(); at += kBlock) {
    const size_t size = std::min(kBlock, x.bytes() - at);
    populate(x, x.raw() + at, size);
    count += count_not_finite(x.dtype(), x.raw() + at, size);
    x.storage()->drop_pages(x.raw() + at, size);
  }
  return count;
}

}  // namespace

TensorSummary summarise(const Checkpoint& checkpoint) {
  TensorSummary summary;
  uint64_t done = 0, most = 0;
  for (const Checkpoint::Entry& entry : checkpoint.entries()) {
    const uint64_t bytes = entry.tensor.bytes();
    TensorSummary::Type& type = summary.types[std::string(to_string(entry.tensor.dtype()))];
    ++type.tensors;
    type.values += entry.tensor.numel();
    type.bytes += bytes;
    if (bytes > most) {
      most = bytes;
      summary.largest = cat(entry.name, " ", entry.tensor.shape().to_string());
    }
    if (const int64_t count = count_not_finite(entry.tensor)) {
      summary.not_finite.push_back({entry.name, count});
    }
    progress("values", done += bytes, checkpoint.bytes());
  }
  return summary;
}

}  // namespace tern::cli
