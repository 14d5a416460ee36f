// SPDX-License-Identifier: Apache-2.0
// One small matrix product for the tests of gemm: values, their placement between forbidden pages,
// a run of one variant, and what the sums must be. Used by gemm.cpp and gemm_bits.cpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "../../kernels/gemm/gemm.h"
#include "formats.h"

namespace tern::test {

using kernels::Act;
using kernels::Format;
using kernels::GemmTable;

inline int64_t between(Random& rng, int64_t low, int64_t high) {
  return low + rng.below(high - low + 1);
}

inline std::vector<float> uniform_vector(Random& rng, int64_t count) {
  std::vector<float> v(static_cast<size_t>(count));
  for (float& f : v) f = static_cast<float>(rng.uniform(-1, 1));
  return v;
}

inline void put(unsigned char* at, Format format, float value) {
  const uint16_t half = format == Format::f16 ? f16_bits(value) : bf16_bits(value);
  if (format == Format::f32) memcpy(at, &value, 4);
  if (format != Format::f32) memcpy(at, &half, 2);
}

/// A matrix of one format, rows `stride` elements apart, between two pages that may not be touched:
/// its last element ends at the upper one, or its first begins some elements behind the lower one.
class Placed {
 public:
  Placed(Random& rng, Format format, int64_t rows, int64_t columns, int64_t stride)
      : format_(format),
        stride_(stride),
        bytes_(rows == 0 || columns == 0 ? 0 : ((rows - 1) * stride + columns) * element(),
               rng.below(2) == 0 ? Edge::back : Edge::front, element() * rng.below(17)) {}

  void fill(const std::vector<float>& values, int64_t rows, int64_t columns) {
    for (int64_t i = 0; i < rows; i++) {
      for (int64_t j = 0; j < columns; j++) {
        put(at(i, j), format_, values[static_cast<size_t>(i * columns + j)]);
      }
    }
  }
  float get(int64_t i, int64_t j) const {
    const unsigned char* p = bytes_.data() + (i * stride_ + j) * element();
    float value = 0;
    uint16_t half = 0;
    memcpy(&value, p, format_ == Format::f32 ? 4 : 0);
    memcpy(&half, p, format_ == Format::f32 ? 0 : 2);
    if (format_ == Format::bf16) return float_from_bf16(half);
    return format_ == Format::f16 ? float_from_f16(half) : value;
  }
  /// Neither the gaps between the rows nor the slack around the matrix have been written.
  bool gaps_intact(int64_t rows, int64_t columns) const {
    bool intact = bytes_.slack_intact();
    for (int64_t i = 0; columns > 0 && i + 1 < rows; i++) {
      for (int64_t b = columns * element(); b < stride_ * element(); b++) {
        intact = intact && bytes_[i * stride_ * element() + b] == 0xa5;
      }
    }
    return intact;
  }
  void* data() { return bytes_.data(); }
  const float* floats() { return reinterpret_cast<const float*>(bytes_.data()); }

 private:
  int64_t element() const { return static_cast<int64_t>(bytes_of(format_)); }
  unsigned char* at(int64_t i, int64_t j) { return bytes_.data() + (i * stride_ + j) * element(); }

  Format format_;
  int64_t stride_;
  GuardedBuffer<unsigned char> bytes_;
};

struct Problem {
  const GemmTable* table = nullptr;
  int64_t m = 0, n = 0, k = 0;
  std::vector<float> x, w;  // [m, k] in a_format, [n, k] as the table sees it
  Format w_format = Format::f32;
  std::vector<float> source;  // [n, k] as given to pack(), in w_format
  bool woven = false;         // given as two matrices, gate and up

  float x_at(int64_t i, int64_t t) const { return x[static_cast<size_t>(i * k + t)]; }
  float w_at(int64_t j, int64_t t) const { return w[static_cast<size_t>(j * k + t)]; }

  /// Sum and sum of magnitudes in double.
  std::pair<double, double> exact(int64_t i, int64_t j) const {
    double sum = 0, magnitude = 0;
    for (int64_t t = 0; t < k; t++) {
      const double product = static_cast<double>(x_at(i, t)) * static_cast<double>(w_at(j, t));
      sum += product;
      magnitude += std::fabs(product);
    }
    return {sum, magnitude};
  }
  /// The documented chain of all variants but vdpbf16ps.
  float chain(int64_t i, int64_t j) const {
    float sum = 0;
    for (int64_t t = 0; t < k; t++) sum = std::fma(x_at(i, t), w_at(j, t), sum);
    return sum;
  }
};

inline bool has_plain_chain(const GemmTable& t) {
  return t.isa != kernels::Isa::avx512_bf16;
}

struct Sizes {
  int64_t m, n, k;
};

/// Values by draw(), rounded to the formats on their way.
template <class Draw>
Problem make_problem(const GemmTable& table, Sizes s, Format w_format, Draw draw) {
  Problem p{&table, s.m, s.n, s.k, {}, {}, w_format, {}, false};
  p.x.resize(static_cast<size_t>(s.m * s.k));
  p.source.resize(static_cast<size_t>(s.n * s.k));
  for (float& f : p.x) f = rounded(table.a_format, draw());
  for (float& f : p.source) f = rounded(w_format, draw());
  p.w = p.source;
  for (float& f : p.w) f = rounded(table.b_format, f);
  return p;
}

inline Problem uniform_problem(Random& rng, const GemmTable& table, Sizes s) {
  return make_problem(table, s, table.b_format,
                      [&] { return static_cast<float>(rng.uniform(-1, 1)); });
}

inline int64_t panels(const GemmTable& t, int64_t n) {
  return (n + t.panel - 1) / t.panel;
}

/// The packed weights between two forbidden pages.
class Packed {
 public:
  Packed(Random& rng, const Problem& p)
      : bytes_(static_cast<int64_t>(p.table->packed_bytes(p.n, p.k)),
               p.table->packed_bytes(p.n, p.k) % 64 == 0 ? Edge::back : Edge::front) {
    const int64_t rows = p.woven ? p.n / 2 : p.n, stride = p.k + rng.below(4);
    Placed gate(rng, p.w_format, rows, p.k, stride);
    Placed up(rng, p.w_format, p.woven ? rows : 0, p.k, stride);
    for (const bool odd : {false, true}) {
      std::vector<float> half;
      for (int64_t j = odd; j < p.n; j += 2) {
        half.insert(half.end(), p.source.begin() + j * p.k, p.source.begin() + (j + 1) * p.k);
      }
      if (p.woven) (odd ? up : gate).fill(half, rows, p.k);
    }
    if (!p.woven) gate.fill(p.source, p.n, p.k);
    p.table->pack({gate.data(), p.woven ? up.data() : nullptr, p.w_format, stride, p.n, p.k,
                   bytes_.data(), 0, panels(*p.table, p.n)});
    CHECK(bytes_.slack_intact());
    bytes_.make_read_only();
  }
  const unsigned char* data() const { return bytes_.data(); }

 private:
  GuardedBuffer<unsigned char> bytes_;
};

struct Finish {
  Act act = Act::none;
  bool bias = false, residual = false, gate = false, alias = false;
  Format c_format = Format::f32;
};

/// Offsets of an epilogue: bias [n], residual of the shape of c.
struct Added {
  std::vector<float> bias, residual;
};

/// c [m, n or n / 2] as f32; checks that nothing around and between its rows was written. b may
/// point into a wider matrix's panels.
inline std::vector<float> run(Random& rng, const Problem& p, const void* b, const Finish& f,
                              const Added& added) {
  const int64_t columns = f.gate ? p.n / 2 : p.n;
  const int64_t lda = p.k + rng.below(10), ldc = columns + rng.below(6);
  const int64_t ld_residual = f.alias ? ldc : columns + rng.below(6);
  Placed a(rng, p.table->a_format, p.m, p.k, lda), c(rng, f.c_format, p.m, columns, ldc);
  Placed bias(rng, Format::f32, 1, f.bias ? p.n : 0, p.n);
  Placed residual(rng, Format::f32, f.residual && !f.alias ? p.m : 0, columns, ld_residual);
  a.fill(p.x, p.m, p.k);
  if (f.bias) bias.fill(added.bias, 1, p.n);
  if (f.residual) (f.alias ? c : residual).fill(added.residual, p.m, columns);
  const float* add = f.alias ? c.floats() : residual.floats();
  p.table->run({p.m,
                p.n,
                p.k,
                a.data(),
                lda,
                b,
                {c.data(), f.c_format, ldc, f.bias ? bias.floats() : nullptr,
                 f.residual ? add : nullptr, ld_residual, f.act, f.gate}});
  CHECK(c.gaps_intact(p.m, columns));
  std::vector<float> y(static_cast<size_t>(p.m * columns));
  for (int64_t i = 0; i < p.m; i++) {
    for (int64_t j = 0; j < columns; j++) y[static_cast<size_t>(i * columns + j)] = c.get(i, j);
  }
  return y;
}

/// Calls f(table) for every gemm variant of every pair of formats that this CPU runs.
template <class F>
void for_each_gemm(F f) {
  for (Format b : {Format::f32, Format::f16, Format::bf16}) {
    for_each_variant(kernels::gemm_variants(Format::f32, b), f);
  }
  for_each_variant(kernels::gemm_variants(Format::bf16, Format::bf16), f);
}

}  // namespace tern::test
