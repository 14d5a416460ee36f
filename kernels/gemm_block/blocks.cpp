// SPDX-License-Identifier: Apache-2.0
// Block formats outside the product: their sizes, a row to floats, floats to a row.
#include "blocks.h"

#include <math.h>
#include <string.h>

namespace tern::kernels {

// Each after what it needs.
// clang-format off
#include "../simd/generic.inc"
#include "../gemm/convert.inc"
#include "blocks.inc"
#include "quantize.inc"
// clang-format on

namespace {

constexpr BlockInfo kInfo[kBlockFormats] = {
    {"q8_0", 32, 34, true},        {"q4_0", 32, 18, true},        {"q4_1", 32, 20, false},
    {"q4_k", 256, 144, false},     {"q5_k", 256, 176, false},     {"q6_k", 256, 210, false},
    {"int8_g128", 128, 130, true}, {"int8_g32_zp", 32, 35, true}, {"int8_g128_zp", 128, 131, true},
    {"int4_g128", 128, 66, true},  {"int4_g32_zp", 32, 19, true}, {"int4_g128_zp", 128, 67, true},
};

void write_block(BlockFormat format, const Block& b, uint8_t* p) {
  const int elements = block_info(format).elements;
  *p++ = static_cast<uint8_t>(b.d);
  *p++ = static_cast<uint8_t>(b.d >> 8);
  if (has_zero_point(format)) *p++ = b.zero;
  if (is_8bit(format)) {
    const uint8_t flip = has_zero_point(format) ? 0 : 128;
    for (int i = 0; i < elements; i++) p[i] = b.q[i] ^ flip;
    return;
  }
  for (int g = 0; g < elements; g += 32, p += 16) {
    for (int i = 0; i < 16; i++) p[i] = static_cast<uint8_t>(b.q[g + i] | b.q[g + 16 + i] << 4);
  }
}

}  // namespace

const BlockInfo& block_info(BlockFormat format) {
  return kInfo[static_cast<int>(format)];
}

size_t block_row_bytes(BlockFormat format, int64_t k) {
  const BlockInfo& info = block_info(format);
  return static_cast<size_t>((k + info.elements - 1) / info.elements * info.bytes);
}

void dequantize_row(BlockFormat format, const void* row, int64_t k, float* out) {
  const BlockInfo& info = block_info(format);
  const uint8_t* p = static_cast<const uint8_t*>(row);
  Block b;
  for (int64_t begin = 0; begin < k; begin += info.elements, p += info.bytes) {
    read_block(format, p, b);
    const int64_t left = k - begin;
    const int count = left < info.elements ? static_cast<int>(left) : info.elements;
    for (int i = 0; i < count; i += 16) {
      const BlockScale s = block_scale(format, b, i);
      const int end = i + 16 < count ? i + 16 : count;
      const bool minimum = has_minimum(format);
      for (int j = i; j < end; j++) {
        const float product = s.scale * static_cast<float>(b.q[j] - b.zero);
        out[begin + j] = minimum ? product + s.offset : product;
      }
    }
  }
}

void quantize_row(BlockFormat format, const void* w, Format w_format, int64_t k, void* out) {
  const BlockInfo& info = block_info(format);
  const int64_t element = w_format == Format::f32 ? 4 : 2;
  uint8_t* p = static_cast<uint8_t*>(out);
  float values[128];
  Block b;
  for (int64_t begin = 0; begin < k; begin += info.elements, p += info.bytes) {
    load_weights(static_cast<const char*>(w) + begin * element, w_format, k - begin, info.elements,
                 values);
    quantize_block(format, values, info.elements, b);
    write_block(format, b, p);
  }
}

}  // namespace tern::kernels
