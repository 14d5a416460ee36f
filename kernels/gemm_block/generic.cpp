// SPDX-License-Identifier: Apache-2.0
// gemm_block by definition (gemm_block.h): one row and one panel at a time, group after group.
#include <math.h>
#include <string.h>

#include "gemm_block.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level, activation) extern const GemmBlockTable symbol;
#include "gemm_block.inc"
#undef TERN_VARIANT

// Each after what it needs.
// clang-format off
#include "../simd/fused.inc"
#include "../simd/generic.inc"
#include "../gemm/epilogue_generic.inc"
#include "../gemm/convert.inc"
#include "blocks.inc"
#include "panel.inc"
#include "rows.inc"
// clang-format on

namespace {

// One chunk of a panel: 32 k of 32 columns.
struct Chunk {
  int q[kGroup][kPanel];
  int zero[kPanel];
  float scale[2][kPanel];  // of k 0 … 15 and 16 … 31
  float minimum[kPanel];
};

int code_at(const PanelLayout& layout, const uint8_t* codes, int k, int column) {
  const int quad = k / 4, at = column * 4 + k % 4, width = layout.bits - 4;
  const int low = codes[low_codes_at(layout.bits, quad) + at];
  if (layout.bits == 8) return low;
  const int upper = codes[upper_codes_at(layout.bits, quad) + at] >> (quad * width % 8);
  return (low >> (quad % 2 * 4) & 15) | (upper & ((1 << width) - 1)) << 4;
}

void read_scales(BlockFormat format, const uint8_t* header, const uint8_t* chunk, Chunk& out) {
  for (int j = 0; j < kPanel; j++) {
    Block b;
    b.d = load_f16(header + 2 * j);
    b.m = has_minimum(format) ? load_f16(header + 64 + 2 * j) : 0;
    b.scales[0] = chunk[j];
    b.scales[1] = chunk[kPanel + j];  // q6_k's; elsewhere minimums or codes, which nothing reads
    b.mins[0] = chunk[kPanel + j];
    const BlockScale low = block_scale(format, b, 0), high = block_scale(format, b, 16);
    out.scale[0][j] = low.scale;
    out.scale[1][j] = high.scale;
    out.minimum[j] = low.offset;
    out.zero[j] = has_zero_point(format)        ? header[64 + j]
                  : format == BlockFormat::q6_k ? 32
                  : has_minimum(format)         ? 0
                  : is_8bit(format)             ? 128
                                                : 8;
  }
}

void read_chunk(BlockFormat format, const uint8_t* panel, int64_t index, Chunk& out) {
  const PanelLayout layout = panel_layout(format);
  const uint8_t* header = panel + index / layout.chunks * layout.block_bytes();
  const uint8_t* chunk = header + layout.header_bytes + index % layout.chunks * layout.chunk_bytes;
  read_scales(format, header, chunk, out);
  for (int k = 0; k < kGroup; k++) {
    for (int j = 0; j < kPanel; j++) {
      out.q[k][j] = code_at(layout, chunk + layout.scale_bytes, k, j);
    }
  }
}

// The k of a chunk that share a scale: two ranges for q6_k.
int ranges_of(BlockFormat format) {
  return format == BlockFormat::q6_k ? 2 : 1;
}

struct A8 {
  using Group = GroupA8;
  static void quantize(const float* x, Group& g) { quantize_group(x, g); }
  static void add(BlockFormat format, const Chunk& w, const Group& x, float* y) {
    const int ranges = ranges_of(format), length = kGroup / ranges;
    for (int j = 0; j < kPanel; j++) {
      for (int h = 0; h < ranges; h++) {
        int sum = 0;
        for (int k = h * length; k < (h + 1) * length; k++) {
          sum += (w.q[k][j] - w.zero[j]) * x.codes[k];
        }
        y[j] = fused(static_cast<float>(sum), w.scale[h][j] * x.scale, y[j]);
      }
      if (has_minimum(format)) y[j] = fused(w.minimum[j], x.scaled_sum, y[j]);
    }
  }
};

struct A16 {
  using Group = GroupA16;
  static void quantize(const float* x, Group& g) { sum_group(x, g); }
  static void add(BlockFormat format, const Chunk& w, const Group& x, float* y) {
    const bool offset = has_minimum(format) || has_zero_point(format);
    for (int j = 0; j < kPanel; j++) {
      for (int h = 0; h < 2; h++) {
        float p = 0;
        for (int k = h * 16; k < (h + 1) * 16; k++) {
          p = fused(x.x[k], static_cast<float>(w.q[k][j] - (offset ? 0 : w.zero[j])), p);
        }
        y[j] = fused(p, w.scale[h][j], y[j]);
      }
      const float o =
          has_minimum(format) ? w.minimum[j] : -(static_cast<float>(w.zero[j]) * w.scale[0][j]);
      if (offset) y[j] = fused(o, x.sum, y[j]);
    }
  }
};

template <class Kind>
void quantize_rows(const BlockRows& r) {
  for (int64_t i = 0; i < r.m; i++) {
    auto* out = reinterpret_cast<typename Kind::Group*>(static_cast<char*>(r.out) + i * r.ld_out);
    for (int64_t g = 0; g < groups_of(r.k); g++) {
      float x[kGroup];
      load_group(r, i, g * kGroup, x);
      Kind::quantize(x, out[g]);
    }
  }
}

template <class Kind>
void run(const GemmBlockArgs& g) {
  const int64_t bytes = panel_bytes(g.format, g.k);
  for (int64_t j = 0; j < g.n; j += kPanel) {
    const uint8_t* panel = static_cast<const uint8_t*>(g.b) + j / kPanel * bytes;
    for (int64_t i = 0; i < g.m; i++) {
      const auto* x =
          reinterpret_cast<const typename Kind::Group*>(static_cast<const char*>(g.a) + i * g.lda);
      float y[kPanel] = {};
      for (int64_t c = 0; c < groups_of(g.k); c++) {
        Chunk chunk;
        read_chunk(g.format, panel, c, chunk);
        Kind::add(g.format, chunk, x[c], y);
      }
      finish_row(g.out, i, j, g.n - j < kPanel ? g.n - j : kPanel, y);
    }
  }
}

}  // namespace

const GemmBlockTable gemm_block_a8_generic = {"gemm_block_a8_generic",
                                              Isa::generic,
                                              BlockActivation::a8,
                                              kPanel,
                                              1,
                                              block_packed_bytes,
                                              pack_blocks,
                                              prepared_row_bytes<GroupA8>,
                                              quantize_rows<A8>,
                                              run<A8>};

const GemmBlockTable gemm_block_a16_generic = {"gemm_block_a16_generic",
                                               Isa::generic,
                                               BlockActivation::a16,
                                               kPanel,
                                               1,
                                               block_packed_bytes,
                                               pack_blocks,
                                               prepared_row_bytes<GroupA16>,
                                               quantize_rows<A16>,
                                               run<A16>};

}  // namespace tern::kernels
