// SPDX-License-Identifier: Apache-2.0
// Weights in blocks, prepared rows and a call of one variant for the tests of gemm_block, each
// operand between two pages that may not be touched. Used by gemm_block.cpp and
// gemm_block_bits.cpp.
#pragma once

#include <math.h>
#include <string.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "../../kernels/gemm_block/gemm_block.h"
#include "epilogue_problem.h"

namespace tern::kernels {
namespace {
// Each after what it needs.
// clang-format off
#include "../../kernels/simd/generic.inc"
#include "../../kernels/gemm/convert.inc"
#include "../../kernels/gemm_block/blocks.inc"
// clang-format on
}  // namespace
}  // namespace tern::kernels

namespace tern::test::block {

using namespace tern::kernels;
using namespace epilogue;

struct Rooms : EpilogueRooms {
  Room w{1 << 20}, b{1 << 20}, x{1 << 18}, a{1 << 20};
};

// A finite f16 of magnitude 2^-9 … 1.
inline uint16_t random_f16(Random& random) {
  return static_cast<uint16_t>((random.below(2) << 15) | (6 + random.below(9)) << 10 |
                               random.below(1024));
}

// Random scales; every other byte random too, or `fill` where that is not negative.
inline void random_block(Random& random, BlockFormat format, int fill, uint8_t* p) {
  const int bytes = block_info(format).bytes;
  for (int i = 0; i < bytes; i++) {
    p[i] = static_cast<uint8_t>(fill < 0 ? random.below(256) : fill);
  }
  const auto put = [&](int at) {
    const uint16_t h = random_f16(random);
    memcpy(p + at, &h, 2);
  };
  put(format == BlockFormat::q6_k ? 208 : 0);
  if (has_minimum(format)) put(2);
  if (has_zero_point(format) && !is_8bit(format)) p[2] &= 15;
}

// The weights: n rows of blocks, of which with gate every second belongs to `up`.
struct Weights {
  BlockFormat format;
  int64_t n, k, row_bytes;
  bool gate;
  std::vector<uint8_t> blocks;   // [n] rows, woven
  std::vector<double> w, extra;  // [n, k]; extra: twice the magnitude of the offset
  const void* packed;
  int fill = -1;  // of random_block

  void describe() {
    w.resize(static_cast<size_t>(n * k));
    extra.assign(w.size(), 0);
    std::vector<float> row(static_cast<size_t>(k));
    for (int64_t j = 0; j < n; j++) {
      const uint8_t* p = blocks.data() + j * row_bytes;
      dequantize_row(format, p, k, row.data());
      const int elements = block_info(format).elements;
      Block b;
      for (int64_t i = 0; i < k; i++) {
        if (i % elements == 0) read_block(format, p + i / elements * block_info(format).bytes, b);
        const BlockScale s = block_scale(format, b, static_cast<int>(i % elements));
        const bool zero = has_zero_point(format);
        const double offset =
            zero ? static_cast<double>(s.scale) * b.zero : static_cast<double>(s.offset);
        w[static_cast<size_t>(j * k + i)] = static_cast<double>(row[static_cast<size_t>(i)]);
        extra[static_cast<size_t>(j * k + i)] = 2 * std::fabs(offset);
      }
    }
  }
};

inline int64_t panels_of(int64_t n) {
  return (n + 31) / 32;
}

// Random blocks, packed by `table`; w and up lie in the room w, back to back.
inline void make_weights(Random& random, Rooms& at, const GemmBlockTable& table, bool front,
                         Weights& w) {
  w.row_bytes = static_cast<int64_t>(block_row_bytes(w.format, w.k));
  w.blocks.resize(static_cast<size_t>(w.n * w.row_bytes));
  const int bytes = block_info(w.format).bytes;
  for (size_t i = 0; i + static_cast<size_t>(bytes) <= w.blocks.size();
       i += static_cast<size_t>(bytes)) {
    random_block(random, w.format, w.fill, w.blocks.data() + i);
  }
  const int64_t stride = w.row_bytes + random.below(3), half = w.n / 2;
  const int64_t extent = w.n == 0 ? 0 : (w.n - 1) * stride + w.row_bytes;
  uint8_t* rows = at.w.place<uint8_t>(extent, front);
  for (int64_t j = 0; j < w.n; j++) {
    const int64_t row = !w.gate ? j : j % 2 == 0 ? j / 2 : half + j / 2;
    if (w.row_bytes > 0)
      memcpy(rows + row * stride, w.blocks.data() + j * w.row_bytes,
             static_cast<size_t>(w.row_bytes));
  }
  uint8_t* out =
      at.b.place<uint8_t>(static_cast<int64_t>(table.packed_bytes(w.format, w.n, w.k)), front);
  BlockPack pack{};
  pack.format = w.format;
  pack.w = rows;
  pack.up = w.gate ? rows + half * stride : nullptr;
  pack.row_bytes = stride;
  pack.n = w.n;
  pack.k = w.k;
  pack.out = out;
  pack.panel_end = panels_of(w.n);
  table.pack(pack);
  w.packed = out;
  w.describe();
}

// x, prepared for one kind of table; values is what the product sees.
struct Rows {
  int64_t m, k, lda;
  const void* a;
  std::vector<double> values;
};

inline Rows make_rows(Random& random, Rooms& at, const GemmBlockTable& table, int64_t m, int64_t k,
                      bool front) {
  const bool half = random.below(3) == 0;
  const int64_t ldx = k + random.below(3), extent = m == 0 ? 0 : (m - 1) * ldx + k;
  float* x = at.x.place<float>(half ? 0 : extent, front);
  uint16_t* x16 = at.x.place<uint16_t>(half ? extent : 0, front);
  const double scale = std::exp2(random.uniform(-6, 6));
  for (int64_t i = 0; i < extent; i++) {
    const float v = static_cast<float>(scale * random.uniform(-1, 1));
    if (half) x16[i] = static_cast<uint16_t>(bits_from_float(v) >> 16);
    if (!half) x[i] = v;
  }
  const int64_t row_bytes = static_cast<int64_t>(table.row_bytes(k));
  Rows rows{m, k, row_bytes + 4 * random.below(3), nullptr, {}};
  const int64_t words = m == 0 ? 0 : ((m - 1) * rows.lda + row_bytes) / 4;
  uint32_t* out = at.a.place<uint32_t>(words, front);
  table.quantize_rows({half ? static_cast<void*>(x16) : x, half ? Format::bf16 : Format::f32, ldx,
                       m, k, out, rows.lda});
  rows.a = out;
  for (int64_t i = 0; i < m; i++) {
    const char* row = reinterpret_cast<const char*>(out) + i * rows.lda;
    for (int64_t t = 0; t < k; t++) {
      if (table.activation == BlockActivation::a8) {
        float s;
        memcpy(&s, row + t / 32 * 44 + 32, 4);
        rows.values.push_back(static_cast<double>(s) *
                              static_cast<signed char>(row[t / 32 * 44 + t % 32]));
      } else {
        rows.values.push_back(
            static_cast<double>(half ? float_from_bf16(x16[i * ldx + t]) : x[i * ldx + t]));
      }
    }
  }
  return rows;
}

inline std::vector<float> run(Rooms& at, const GemmBlockTable& table, const Weights& w,
                              const Rows& x, const Finish& f, bool front) {
  return finished(at, {x.m, w.n, front}, f, [&](const Epilogue& e) {
    table.run({w.format, x.m, w.n, w.k, x.a, x.lda, w.packed, e});
  });
}

inline std::vector<const GemmBlockTable*> runnable() {
  std::vector<const GemmBlockTable*> all;
  for (BlockActivation activation : {BlockActivation::a8, BlockActivation::a16}) {
    for_each_variant(gemm_block_variants(activation),
                     [&](const GemmBlockTable& table) { all.push_back(&table); });
  }
  return all;
}

inline const GemmBlockTable& generic_of(const GemmBlockTable& table) {
  return gemm_block_variants(table.activation).best(Isa::generic);
}

inline Weights random_weights(Random& random, Rooms& at, int64_t most_n, int64_t most_k,
                              bool front) {
  Weights w{};
  w.format = static_cast<BlockFormat>(random.below(kBlockFormats));
  w.gate = random.below(3) == 0;
  const int64_t edges_n[] = {0, 1, 16, 31, 32, 33}, edges_k[] = {0, 1, 31, 32, 33, 256};
  w.n = random.below(6) == 0 ? edges_n[random.below(6)] : random.below(most_n + 1);
  w.k = random.below(6) == 0 ? edges_k[random.below(6)] : random.below(most_k + 1);
  if (w.gate) w.n -= w.n % 2;
  make_weights(random, at, *runnable()[0], front, w);
  return w;
}

}  // namespace tern::test::block
