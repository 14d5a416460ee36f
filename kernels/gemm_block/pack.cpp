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

void load_block(const BlockPack& p, const uint8_t* row, int64_t index, Block& b) {
  const BlockInfo& info = block_info(p.format);
  if (!p.quantize) return read_block(p.format, row + index * info.bytes, b);
  const int64_t begin = index * info.elements, element = p.w_format == Format::f32 ? 4 : 2;
  float values[128];
  load_weights(row + begin * element, p.w_format, p.k - begin, info.elements, values);
  quantize_block(p.format, values, info.elements, b);
}

void put_f16(uint8_t* header, int column, uint16_t bits) {
  header[2 * column] = static_cast<uint8_t>(bits);
  header[2 * column + 1] = static_cast<uint8_t>(bits >> 8);
}

// The 32 codes of one chunk and column. The chunk was zeroed.
void put_codes(int bits, const uint8_t* q, int column, uint8_t* codes) {
  uint8_t* at = codes + 4 * column;
  const int width = bits - 4;
  for (int quad = 0; quad < 8; quad++, q += 4) {
    uint8_t* low = at + low_codes_at(bits, quad);
    uint8_t* upper = at + upper_codes_at(bits, quad);
    if (bits == 8) {
      memcpy(low, q, 4);
      continue;
    }
    for (int i = 0; i < 4; i++) {
      low[i] = static_cast<uint8_t>(low[i] | (q[i] & 15) << (quad % 2 * 4));
      if (width > 0) upper[i] = static_cast<uint8_t>(upper[i] | q[i] >> 4 << (quad * width % 8));
    }
  }
}

void put_block(BlockFormat format, const Block& b, int column, uint8_t* out) {
  const PanelLayout layout = panel_layout(format);
  put_f16(out, column, b.d);
  if (has_minimum(format)) put_f16(out + 64, column, b.m);
  if (has_zero_point(format)) out[64 + column] = b.zero;
  uint8_t* chunk = out + layout.header_bytes;
  for (int c = 0; c < layout.chunks; c++, chunk += layout.chunk_bytes) {
    if (format == BlockFormat::q6_k) {
      chunk[column] = b.scales[2 * c];
      chunk[kPanel + column] = b.scales[2 * c + 1];
    } else if (layout.scale_bytes > 0) {
      chunk[column] = b.scales[c];
      chunk[kPanel + column] = b.mins[c];
    }
    put_codes(layout.bits, b.q + kGroup * c, column, chunk + layout.scale_bytes);
  }
}

}  // namespace

size_t block_packed_bytes(BlockFormat format, int64_t n, int64_t k) {
  return static_cast<size_t>((n + kPanel - 1) / kPanel * panel_bytes(format, k));
}

void pack_blocks(const BlockPack& p) {
  const PanelLayout layout = panel_layout(p.format);
  const int64_t bytes = panel_bytes(p.format, p.k), block_bytes = layout.block_bytes();
  Block b;
  for (int64_t panel = p.panel_begin; panel < p.panel_end; panel++) {
    uint8_t* out = static_cast<uint8_t*>(p.out) + panel * bytes;
    memset(out, 0, static_cast<size_t>(bytes));
    for (int64_t index = 0; index * block_bytes < bytes; index++, out += block_bytes) {
      for (int column = 0; column < kPanel; column++) {
        const uint8_t* row = source_row(p, panel * kPanel + column);
        if (!row) continue;
        load_block(p, row, index, b);
        put_block(p.format, b, column, out);
      }
    }
  }
}

}  // namespace tern::kernels
