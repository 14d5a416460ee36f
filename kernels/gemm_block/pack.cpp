// SPDX-License-Identifier: Apache-2.0
// Rows of blocks, or of floats through the quantiser, to panels (panel.inc). Portable: loaded once,
// and the bytes must not depend on the CPU.
#include <math.h>
#include <string.h>

#include "gemm_block.h"

namespace tern::kernels {

// Each after what it needs.
// clang-format off
#include "../simd/generic.inc"
#include "../gemm/convert.inc"
#include "blocks.inc"
#include "panel.inc"
#include "quantize.inc"
// clang-format on

namespace {

// Where a column comes from; null past the last one.
const uint8_t* source_row(const BlockPack& p, int64_t column) {
  if (column >= p.n) return nullptr;
  const void* rows = p.up && column % 2 == 1 ? p.up : p.w;
  const int64_t row = p.up ? column / 2 : column;
  return static_cast<const uint8_t*>(rows) + row * p.row_bytes;
}

template <BlockFormat kFormat>
void load_block(const BlockPack& p, const uint8_t* row, int64_t index, Block& b) {
  const BlockInfo& info = block_info(kFormat);
  if (!p.quantize) return read_block(kFormat, row + index * info.bytes, b);
  const int64_t begin = index * info.elements, element = p.w_format == Format::f32 ? 4 : 2;
  float values[128];
  load_weights(row + begin * element, p.w_format, p.k - begin, info.elements, values);
  quantize_block(kFormat, values, info.elements, b);
}

void put_f16(uint8_t* header, int column, uint16_t bits) {
  header[2 * column] = static_cast<uint8_t>(bits);
  header[2 * column + 1] = static_cast<uint8_t>(bits >> 8);
}

// The 32 codes of one chunk and column, four of a quad in a word.
template <int kBits>
void put_codes(const uint8_t* q, uint8_t* at) {
  uint32_t quads[8];
  memcpy(quads, q, sizeof quads);
  if constexpr (kBits == 8) {
    for (int i = 0; i < 8; i++) memcpy(at + low_codes_at(8, i), &quads[i], 4);
    return;
  }
  constexpr uint32_t kLow = 0x0f0f0f0f;
  for (int i = 0; i < 8; i += 2) {
    const uint32_t both = (quads[i] & kLow) | (quads[i + 1] & kLow) << 4;
    memcpy(at + low_codes_at(kBits, i), &both, 4);
  }
  if constexpr (kBits > 4) {
    constexpr int kWidth = kBits - 4, kWords = kBits == 6 ? 2 : 1, kEach = 8 / kWords;
    for (int word = 0; word < kWords; word++) {
      uint32_t upper = 0;
      for (int i = 0; i < kEach; i++) {
        upper |= (quads[word * kEach + i] >> 4 & (kWidth == 1 ? 0x01010101u : 0x03030303u))
                 << (i * kWidth);
      }
      memcpy(at + upper_codes_at(kBits, word * kEach), &upper, 4);
    }
  }
}

template <BlockFormat kFormat>
void put_block(const Block& b, int column, uint8_t* out) {
  constexpr PanelLayout kLayout = panel_layout(kFormat);
  put_f16(out, column, b.d);
  if (has_minimum(kFormat)) put_f16(out + 64, column, b.m);
  if (has_zero_point(kFormat)) out[64 + column] = b.zero;
  uint8_t* chunk = out + kLayout.header_bytes;
  for (int c = 0; c < kLayout.chunks; c++, chunk += kLayout.chunk_bytes) {
    if (kFormat == BlockFormat::q6_k) {
      chunk[column] = b.scales[2 * c];
      chunk[kPanel + column] = b.scales[2 * c + 1];
    } else if (kLayout.scale_bytes > 0) {
      chunk[column] = b.scales[c];
      chunk[kPanel + column] = b.mins[c];
    }
    put_codes<kLayout.bits>(b.q + kGroup * c, chunk + kLayout.scale_bytes + 4 * column);
  }
}

// The format is known when it is compiled: what depends on it is decided once, not per block.
template <BlockFormat kFormat>
void pack_panels(const BlockPack& p) {
  const int64_t bytes = panel_bytes(kFormat, p.k);
  constexpr int64_t kBlockBytes = panel_layout(kFormat).block_bytes();
  Block b;
  for (int64_t panel = p.panel_begin; panel < p.panel_end; panel++) {
    uint8_t* out = static_cast<uint8_t*>(p.out) + panel * bytes;
    if ((panel + 1) * kPanel > p.n) memset(out, 0, static_cast<size_t>(bytes));
    const uint8_t* rows[kPanel];
    for (int i = 0; i < kPanel; i++) rows[i] = source_row(p, panel * kPanel + i);
    for (int64_t index = 0; index * kBlockBytes < bytes; index++, out += kBlockBytes) {
      for (int column = 0; column < kPanel && rows[column]; column++) {
        load_block<kFormat>(p, rows[column], index, b);
        put_block<kFormat>(b, column, out);
      }
    }
  }
}

}  // namespace

size_t block_packed_bytes(BlockFormat format, int64_t n, int64_t k) {
  return static_cast<size_t>((n + kPanel - 1) / kPanel * panel_bytes(format, k));
}

void pack_blocks(const BlockPack& p) {
  switch (p.format) {
    case BlockFormat::q8_0:
      return pack_panels<BlockFormat::q8_0>(p);
    case BlockFormat::q4_0:
      return pack_panels<BlockFormat::q4_0>(p);
    case BlockFormat::q4_1:
      return pack_panels<BlockFormat::q4_1>(p);
    case BlockFormat::q4_k:
      return pack_panels<BlockFormat::q4_k>(p);
    case BlockFormat::q5_k:
      return pack_panels<BlockFormat::q5_k>(p);
    case BlockFormat::q6_k:
      return pack_panels<BlockFormat::q6_k>(p);
    case BlockFormat::int8_g128:
      return pack_panels<BlockFormat::int8_g128>(p);
    case BlockFormat::int8_g32_zp:
      return pack_panels<BlockFormat::int8_g32_zp>(p);
    case BlockFormat::int8_g128_zp:
      return pack_panels<BlockFormat::int8_g128_zp>(p);
    case BlockFormat::int4_g128:
      return pack_panels<BlockFormat::int4_g128>(p);
    case BlockFormat::int4_g32_zp:
      return pack_panels<BlockFormat::int4_g32_zp>(p);
    case BlockFormat::int4_g128_zp:
      return pack_panels<BlockFormat::int4_g128_zp>(p);
  }
}

}  // namespace tern::kernels
