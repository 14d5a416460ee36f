// SPDX-License-Identifier: Apache-2.0
// Weights, prepared rows and a call of one variant for the tests of gemm_int8, each operand between
// two pages that may not be touched. Rows and panels are read here by their layout
// (kernels/gemm_int8/layout.inc), which is written down a second time. Used by gemm_int8.cpp and
// gemm_int8_bits.cpp.
#pragma once

#include <string>

#include "../../kernels/gemm_int8/gemm_int8.h"
#include "epilogue_problem.h"
#include "formats.h"

#if defined(__x86_64__)
namespace tern::kernels {
extern const GemmInt8Table gemm_int8_evex_vnni;
}
#endif

namespace tern::test::int8 {

using namespace tern::kernels;
using namespace epilogue;

constexpr int64_t kPiece = 64, kPanel = 48;

struct Rooms : EpilogueRooms {
  Room w{1 << 21}, b{1 << 20}, x{1 << 23}, a{1 << 21};
};

/// A matrix whose rows were rotated and quantised: what went in, rotated exactly, what came out.
struct Quantised {
  int64_t rows, k;
  std::vector<double> rotated, values;  // values: scale · code
  std::vector<double> magnitude;        // per element: sum of |v| it is mixed with / sqrt(how many)
  std::vector<float> scales;            // [rows, k]
};

/// k that share a scale.
inline int64_t row_group(int64_t k) {
  return k < 512 ? 512 : 256;
}
inline int64_t weight_group(int64_t k) {
  return k < 512 ? 64 : 128;
}
inline int64_t parts_of(int64_t k, int64_t size) {
  return (k + size - 1) / size;
}

/// Where the code of element k of a row of them lies.
inline int64_t place_of(int64_t k) {
  return k / kPiece * kPiece + k % 16 * 4 + k % kPiece / 16;
}

/// A rotation mixes elements of one block, those whose numbers have the same remainder by 4; 1:
/// none.
inline int64_t block_of(int64_t k) {
  if (k % 16 != 0 || k == 0) return 1;
  int64_t block = 16;
  while (block < 256 && k % (2 * block) == 0) block *= 2;
  return block;
}
inline int64_t mixed_of(int64_t k) {
  return std::max<int64_t>(block_of(k) / 4, 1);
}

/// out[i] = sum_j (-1)^(number of bits that i and j share) v[j] / sqrt(block / 4), in every block
/// over the j with the remainder of i by 4.
inline void rotate_exactly(std::vector<double>& v, int64_t block) {
  const int64_t count = static_cast<int64_t>(v.size());
  for (int64_t stride = 4; stride < block; stride *= 2) {
    for (int64_t i = 0; i < count; i++) {
      if ((i & stride) != 0) continue;
      double& a = v[static_cast<size_t>(i)];
      double& b = v[static_cast<size_t>(i + stride)];
      const double sum = a + b, difference = a - b;
      a = sum;
      b = difference;
    }
  }
  if (block == 1) return;
  for (double& d : v) d /= std::sqrt(static_cast<double>(block / 4));
}

/// Appends one row of floats, to be filled with what became of it.
inline void append_row(Quantised& q, const std::vector<double>& row) {
  const int64_t block = block_of(q.k);
  std::vector<double> rotated = row, magnitude(row.size());
  rotate_exactly(rotated, block);
  for (size_t i = 0; i < row.size(); i++) {
    const size_t first = i - i % static_cast<size_t>(block);
    magnitude[i] = 0;
    for (size_t j = first; j < first + static_cast<size_t>(block); j++) {
      if (j % 4 != i % 4 && block > 1) continue;
      magnitude[i] += std::fabs(row[j]) / std::sqrt(static_cast<double>(mixed_of(q.k)));
    }
  }
  q.rotated.insert(q.rotated.end(), rotated.begin(), rotated.end());
  q.magnitude.insert(q.magnitude.end(), magnitude.begin(), magnitude.end());
  q.rows++;
}

inline void append_value(Quantised& q, float scale, int code) {
  q.scales.push_back(scale);
  q.values.push_back(static_cast<double>(scale) * code);
}

/// How far scale · code may lie from the rotated value: half a step, 4 roundings of what is
/// rounded to a code, and one for each addition of the rotation (log2(mixed) + 1 of them follow one
/// another) and for the scale.
inline double error_bound(const Quantised& q, int64_t row, int64_t k) {
  const size_t at = static_cast<size_t>(row * q.k + k);
  const double scale = static_cast<double>(q.scales[at]);
  const double additions = std::log2(static_cast<double>(mixed_of(q.k))) + 1;
  return scale * (0.5 + 127 * 6 * kRound) + 2 * additions * kRound * q.magnitude[at] + 0x1p-117;
}

/// Elements further from the rotated ones than that.
inline int64_t wrong_values(const Quantised& q) {
  int64_t wrong = 0;
  for (int64_t i = 0; i < q.rows; i++) {
    for (int64_t k = 0; k < q.k; k++) {
      const size_t at = static_cast<size_t>(i * q.k + k);
      wrong += !(std::fabs(q.values[at] - q.rotated[at]) <= error_bound(q, i, k));
    }
  }
  return wrong;
}

struct Weights {
  int64_t n, k;
  bool gate;
  Quantised q;  // woven
  const void* packed;
};

inline int64_t panels_of(int64_t n) {
  return (n + kPanel - 1) / kPanel;
}

inline int64_t panel_bytes(int64_t k) {
  const int64_t vectors = parts_of(k, row_group(k)) + parts_of(k, weight_group(k));
  return kPanel * (4 * vectors + kPiece * parts_of(k, kPiece));
}

/// Reads the panels of `w` back.
inline void describe(Weights& w) {
  const char* packed = static_cast<const char*>(w.packed);
  const int64_t bytes = panel_bytes(w.k), rows = row_group(w.k), group = weight_group(w.k);
  for (int64_t j = 0; j < w.n; j++) {
    const char* panel = packed + j / kPanel * bytes;
    for (int64_t k = 0; k < w.k; k++) {
      // Behind the starts, the scales and the codes of what comes before.
      const char* scales =
          panel + (k / rows + 1 + k / group) * kPanel * 4 + k / group * group * kPanel;
      float scale;
      memcpy(&scale, scales + j % kPanel * 4, 4);
      const int64_t place = place_of(k % group);
      append_value(w.q, scale,
                   static_cast<signed char>(
                       scales[kPanel * 4 + (place / 4 * kPanel + j % kPanel) * 4 + place % 4]));
    }
  }
}

/// [rows, k] in `format` between forbidden pages, rows `stride` elements apart; adds them to `q`.
inline void* place_rows(Random& random, Room& room, Format format, int64_t stride, bool front,
                        Quantised& q) {
  const int64_t rows = q.rows, extent = rows == 0 ? 0 : (rows - 1) * stride + q.k;
  uint32_t* wide = room.place<uint32_t>(format == Format::f32 ? extent : 0, front);
  uint16_t* half = room.place<uint16_t>(format == Format::f32 ? 0 : extent, front);
  const double scale = std::exp2(random.uniform(-6, 6));
  q.rows = 0;
  for (int64_t i = 0; i < extent; i++) {
    // One in 32 is an outlier.
    const double v = scale * random.uniform(-1, 1) * (random.below(32) == 0 ? 20 : 1);
    const float f = rounded(format, static_cast<float>(v));
    if (format == Format::f32) wide[i] = bits_from_float(f);
    if (format == Format::bf16) half[i] = bf16_bits(f);
    if (format == Format::f16) half[i] = f16_bits(f);
  }
  std::vector<double> row(static_cast<size_t>(q.k));
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t k = 0; k < q.k; k++) {
      const int64_t at = i * stride + k;
      row[static_cast<size_t>(k)] =
          static_cast<double>(format == Format::f32    ? float_from_bits(wide[at])
                              : format == Format::bf16 ? float_from_bf16(half[at])
                                                       : float_from_f16(half[at]));
    }
    append_row(q, row);
  }
  return format == Format::f32 ? static_cast<void*>(wide) : half;
}

/// n rows of weights, of which with gate every second belongs to `up`, packed by `table`.
inline Weights make_weights(Random& random, Rooms& at, const GemmInt8Table& table, int64_t n,
                            int64_t k, bool front) {
  Weights w{n, k, n % 2 == 0 && random.below(3) == 0, {n, k, {}, {}, {}, {}}, nullptr};
  const Format format = static_cast<Format>(random.below(3));
  const int64_t stride = k + random.below(3), half = n / 2;
  Quantised apart = w.q;
  char* rows = static_cast<char*>(place_rows(random, at.w, format, stride, front, apart));
  const int64_t bytes = static_cast<int64_t>(bytes_of(format));
  w.q.rows = 0;
  for (int64_t j = 0; j < n; j++) {
    const int64_t row = !w.gate ? j : j % 2 == 0 ? j / 2 : half + j / 2;
    const auto from = [&](const std::vector<double>& v) { return v.begin() + row * k; };
    w.q.rotated.insert(w.q.rotated.end(), from(apart.rotated), from(apart.rotated) + k);
    w.q.magnitude.insert(w.q.magnitude.end(), from(apart.magnitude), from(apart.magnitude) + k);
    w.q.rows++;
  }
  uint8_t* out = at.b.place<uint8_t>(static_cast<int64_t>(table.packed_bytes(n, k)), front);
  table.pack({rows, w.gate ? rows + half * stride * bytes : nullptr, format, stride, n, k, out, 0,
              panels_of(n)});
  w.packed = out;
  describe(w);
  return w;
}

struct Rows {
  int64_t m, k, lda;
  Quantised q;
  const char* a;
};

/// x prepared by `table`.
inline Rows make_rows(Random& random, Rooms& at, const GemmInt8Table& table, int64_t m, int64_t k,
                      bool front) {
  const int64_t bytes = static_cast<int64_t>(table.row_bytes(k));
  Rows x{m, k, bytes + 4 * random.below(3), {m, k, {}, {}, {}, {}}, nullptr};
  const Format format = random.below(3) == 0 ? Format::bf16 : Format::f32;
  const int64_t ldx = k + random.below(3);
  const void* rows = place_rows(random, at.x, format, ldx, front, x.q);
  const int64_t words = m == 0 ? 0 : ((m - 1) * x.lda + bytes) / 4;
  uint32_t* out = at.a.place<uint32_t>(words, front);
  table.quantize_rows({rows, format, ldx, m, k, out, x.lda});
  x.a = reinterpret_cast<const char*>(out);
  for (int64_t i = 0; i < m; i++) {
    const char* row = x.a + i * x.lda;
    for (int64_t t = 0; t < k; t++) {
      float scale;
      memcpy(&scale, row + kPiece * parts_of(k, kPiece) + t / row_group(k) * 4, 4);
      append_value(x.q, scale, static_cast<unsigned char>(row[place_of(t)]) - 128);
    }
  }
  return x;
}

inline std::vector<float> run(Rooms& at, const GemmInt8Table& table, const Weights& w,
                              const Rows& x, const Finish& f, bool front) {
  return finished(at, {x.m, w.n, front}, f, [&](const Epilogue& e) {
    table.run({x.m, w.n, w.k, x.a, x.lda, w.packed, e});
  });
}

inline std::vector<const GemmInt8Table*> runnable() {
  std::vector<const GemmInt8Table*> all;
  for_each_variant(gemm_int8_variants(),
                   [&](const GemmInt8Table& table) { all.push_back(&table); });
#if defined(__x86_64__)
  // The source of the AVX-VNNI variant, whose instruction AVX-512 VNNI has in another encoding.
  if (hardware_isa() >= Isa::avx512_vnni) all.push_back(&gemm_int8_evex_vnni);
#endif
  return all;
}

inline const GemmInt8Table& definition() {
  return gemm_int8_variants().best(Isa::generic);
}

/// Sizes with the edges of groups, blocks, panels and tiles among them.
inline int64_t random_k(Random& random, bool longer) {
  const int64_t edges[] = {0, 1, 16, 48, 63, 64, 65, 128, 511, 512, 513, 1024};
  if (random.below(6) == 0) return edges[random.below(longer ? 12 : 8)];
  if (random.below(2) == 0) return 16 * random.below(longer ? 80 : 9);
  return random.below(longer ? 1300 : 140);
}

inline int64_t random_n(Random& random, int64_t most) {
  const int64_t edges[] = {0, 1, 16, 32, 47, 48, 49};
  return random.below(6) == 0 ? edges[random.below(7)] : random.below(most + 1);
}

}  // namespace tern::test::int8
