// SPDX-License-Identifier: Apache-2.0
// Every registered variant of gemm that this CPU can run, against a double-precision oracle and
// against its own chain bit by bit. Buffers end at an unreadable page.
#include "../../kernels/gemm/gemm.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace tern::kernels;

namespace {

constexpr double kRoundF32 = 0x1p-24;  // largest relative error of one rounding
constexpr double kRoundBf16 = 0x1p-8;

// A region whose last byte is followed by a page that must not be touched.
class Guarded {
 public:
  explicit Guarded(size_t bytes) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    size_ = (bytes + page - 1) / page * page;
    void* p =
        mmap(nullptr, size_ + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(p != MAP_FAILED);
    base_ = static_cast<char*>(p);
    REQUIRE(mprotect(base_ + size_, page, PROT_NONE) == 0);
    mapped_ = size_ + page;
  }
  ~Guarded() { munmap(base_, mapped_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  // The last `count` elements before the guard.
  template <class T>
  T* last(size_t count) {
    REQUIRE(count * sizeof(T) <= size_);
    return reinterpret_cast<T*>(base_ + size_ - count * sizeof(T));
  }

 private:
  char* base_;
  size_t size_, mapped_;
};

using Rng = std::mt19937_64;
int64_t pick(Rng& rng, int64_t low, int64_t high) {
  return low + static_cast<int64_t>(rng() % static_cast<uint64_t>(high - low + 1));
}
float uniform(Rng& rng) {
  return static_cast<float>(static_cast<int64_t>(rng() >> 40)) * 0x1p-23f - 1;
}

float bf16_value(uint16_t h) {
  return std::bit_cast<float>(static_cast<uint32_t>(h) << 16);
}
uint16_t bf16_bits(float f) {
  const uint32_t u = std::bit_cast<uint32_t>(f);
  if (std::isnan(f)) return static_cast<uint16_t>((u >> 16) | 0x40);
  return static_cast<uint16_t>((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}
// f16 of values that it can hold exactly: a multiple of 1/1024 in [-1, 1].
uint16_t f16_bits(float f) {
  if (f == 0) return 0;
  int exponent;
  const float fraction = std::frexp(std::fabs(f), &exponent);  // in [1/2, 1)
  const int mantissa = static_cast<int>(fraction * 2048) & 1023;
  return static_cast<uint16_t>((f < 0 ? 0x8000 : 0) | (exponent + 14) << 10 | mantissa);
}

double act_exact(Act act, double x) {
  switch (act) {
    case Act::none:
      return x;
    case Act::gelu:
      return 0.5 * x * std::erfc(-x * std::sqrt(0.5));
    case Act::gelu_tanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Act::quick_gelu:
      return x / (1 + std::exp(-1.702 * x));
    case Act::relu:
      return x > 0 || std::isnan(x) ? x : 0;
    case Act::tanh:
      return std::tanh(x);
    case Act::silu:
      return x / (1 + std::exp(-x));
    case Act::sigmoid:
      return 1 / (1 + std::exp(-x));
  }
  return x;
}
constexpr Act kActs[] = {Act::none, Act::gelu, Act::gelu_tanh, Act::quick_gelu,
                         Act::relu, Act::tanh, Act::silu,      Act::sigmoid};

std::vector<const GemmTable*> runnable() {
  std::vector<const GemmTable*> all;
  for (Format format : {Format::f32, Format::bf16}) {
    for (const GemmTable* t : gemm_variants(format, format)) {
      if (static_cast<int>(t->isa) <= static_cast<int>(hardware_isa())) all.push_back(t);
    }
  }
  return all;
}

// x and w as f32 values that the table's format holds, and their packed forms.
struct Problem {
  const GemmTable* table;
  int64_t m, n, k, lda, w_stride;
  std::vector<float> x, w;  // [m, k], [n, k]

  float x_at(int64_t i, int64_t k_) const { return x[static_cast<size_t>(i * k + k_)]; }
  float w_at(int64_t j, int64_t k_) const { return w[static_cast<size_t>(j * k + k_)]; }

  // Sum and sum of magnitudes in double.
  std::pair<double, double> exact(int64_t i, int64_t j) const {
    double sum = 0, magnitude = 0;
    for (int64_t t = 0; t < k; t++) {
      const double product = static_cast<double>(x_at(i, t)) * static_cast<double>(w_at(j, t));
      sum += product;
      magnitude += std::fabs(product);
    }
    return {sum, magnitude};
  }
  // The documented chain of all variants but vdpbf16ps.
  float chain(int64_t i, int64_t j) const {
    float sum = 0;
    for (int64_t t = 0; t < k; t++) sum = std::fma(x_at(i, t), w_at(j, t), sum);
    return sum;
  }
};

bool has_plain_chain(const GemmTable& t) {
  return t.isa != Isa::avx512_bf16;
}

// As vdpbf16ps sees its inputs.
Problem without_denormals(Problem p) {
  for (std::vector<float>* v : {&p.x, &p.w}) {
    for (float& f : *v) f = std::fpclassify(f) == FP_SUBNORMAL ? 0.0f : f;
  }
  return p;
}

struct Buffers {
  explicit Buffers(size_t bytes)
      : a(bytes), w(bytes), b(bytes), c(bytes), bias(bytes), residual(bytes) {}
  Guarded a, w, b, c, bias, residual;
};

template <class Draw>
Problem make_problem(const GemmTable& table, int64_t m, int64_t n, int64_t k, Draw draw) {
  Problem p{&table, m, n, k, k, k, {}, {}};
  p.x.resize(static_cast<size_t>(m * k));
  p.w.resize(static_cast<size_t>(n * k));
  for (std::vector<float>* v : {&p.x, &p.w}) {
    for (float& f : *v) f = table.a_format == Format::f32 ? draw() : bf16_value(bf16_bits(draw()));
  }
  return p;
}

// Rows `stride` apart, the last one ending at the guard.
const void* place_rows(Guarded& where, Format format, const std::vector<float>& values,
                       int64_t rows, int64_t columns, int64_t stride) {
  const size_t count = rows == 0 ? 0 : static_cast<size_t>((rows - 1) * stride + columns);
  float* f32 = where.last<float>(format == Format::f32 ? count : 0);
  uint16_t* half = where.last<uint16_t>(format == Format::f32 ? 0 : count);
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t j = 0; j < columns; j++) {
      const float v = values[static_cast<size_t>(i * columns + j)];
      if (format == Format::f32) f32[i * stride + j] = v;
      if (format == Format::bf16) half[i * stride + j] = bf16_bits(v);
      if (format == Format::f16) half[i * stride + j] = f16_bits(v);
    }
  }
  return format == Format::f32 ? static_cast<const void*>(f32) : half;
}

int64_t panels(const GemmTable& t, int64_t n) {
  return (n + t.panel - 1) / t.panel;
}

const void* place_packed(Buffers& at, const Problem& p, Format w_format) {
  const size_t bytes = p.table->packed_bytes(p.n, p.k);
  char* out = at.b.last<char>((bytes + 63) / 64 * 64);
  const void* w = place_rows(at.w, w_format, p.w, p.n, p.k, p.w_stride);
  p.table->pack({w, nullptr, w_format, p.w_stride, p.n, p.k, out, 0, panels(*p.table, p.n)});
  return out;
}

struct Finish {
  Act act = Act::none;
  bool bias = false, residual = false, alias = false;
  Format c_format = Format::f32;
  int64_t ldc = 0, ld_residual = 0;
};

constexpr float kUntouched = 12345.0f;

// Values of y [m, n] as f32; checks that nothing between the rows was written.
std::vector<float> run(Buffers& at, const Problem& p, const void* a, const void* b,
                       const Finish& e, const std::vector<float>& bias,
                       const std::vector<float>& residual) {
  const int64_t ldc = std::max(e.ldc, p.n);
  const int64_t ld_residual = e.alias ? ldc : std::max(e.ld_residual, p.n);
  const auto extent = [&](int64_t ld) {
    return p.m == 0 ? size_t{0} : static_cast<size_t>((p.m - 1) * ld + p.n);
  };
  const bool f32 = e.c_format == Format::f32;
  float* c = at.c.last<float>(f32 ? extent(ldc) : 0);
  uint16_t* half = at.c.last<uint16_t>(f32 ? 0 : extent(ldc));
  std::fill(c, c + (f32 ? extent(ldc) : 0), kUntouched);
  std::fill(half, half + (f32 ? 0 : extent(ldc)), bf16_bits(kUntouched));
  const float* added = nullptr;
  if (e.residual && e.alias) {
    for (int64_t i = 0; i < p.m; i++) {
      std::copy_n(residual.data() + i * p.n, p.n, c + i * ldc);
    }
    added = c;
  } else if (e.residual) {
    added = static_cast<const float*>(
        place_rows(at.residual, Format::f32, residual, p.m, p.n, ld_residual));
  }
  const float* offsets = e.bias ? at.bias.last<float>(static_cast<size_t>(p.n)) : nullptr;
  if (e.bias) std::copy_n(bias.data(), p.n, at.bias.last<float>(static_cast<size_t>(p.n)));
  void* out = f32 ? static_cast<void*>(c) : half;
  p.table->run(
      {p.m, p.n, p.k, a, p.lda, b, {out, e.c_format, ldc, offsets, added, ld_residual, e.act}});
  std::vector<float> y(static_cast<size_t>(p.m * p.n));
  bool padding_kept = true;
  for (size_t i = 0; i < extent(ldc); i++) {
    const int64_t row = static_cast<int64_t>(i) / ldc, column = static_cast<int64_t>(i) % ldc;
    const float v = f32 ? c[i] : bf16_value(half[i]);
    if (column < p.n) y[static_cast<size_t>(row * p.n + column)] = v;
    const float kept = f32 ? kUntouched : bf16_value(bf16_bits(kUntouched));
    if (column >= p.n && v != kept) padding_kept = false;
  }
  CHECK(padding_kept);
  return y;
}

bool same_bits(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

std::vector<float> draw_vector(Rng& rng, int64_t count) {
  std::vector<float> v(static_cast<size_t>(count));
  for (float& f : v) f = uniform(rng);
  return v;
}

// |computed - exact| of one element: each of the k + 1 additions rounds once relative to the sum of
// magnitudes (vdpbf16ps may also flush a denormal at each); every activation has slope below 1.13
// and an own error of 4 units of the last place or 2e-11 |x|; then the residual, then bf16.
double tolerance(const Problem& p, const Finish& e, double magnitude, double before, double y,
                 double result) {
  double t = static_cast<double>(p.k + 1) * (kRoundF32 * magnitude + 0x1p-126) * 1.01;
  if (e.act != Act::none) t = 1.13 * t + 8 * kRoundF32 * std::fabs(y) + 2e-11 * std::fabs(before);
  t += kRoundF32 * std::fabs(result);
  if (e.c_format == Format::bf16) t += kRoundBf16 * (std::fabs(result) + t) + 0x1p-134;
  return t;
}

// One random small problem with a random epilogue. False at the first wrong element.
bool random_case(Buffers& at, Rng& rng, const GemmTable& table) {
  const int64_t edges[] = {0, 1, 2, table.rows, table.panel, table.panel + 1};
  const auto size = [&](int64_t most) {
    return rng() % 6 == 0 ? edges[rng() % 6] : pick(rng, 0, most);
  };
  const bool wide = rng() % 8 == 0;  // several panels at once, only few rows
  const int64_t m = size(wide ? 5 : 20), n = size(wide ? 300 : 60), k = size(40);
  const Format w_format = static_cast<Format>(rng() % 3);
  const bool coarse = w_format == Format::f16;  // exact in f16 and in bf16
  Problem p = make_problem(table, m, n, k, [&] {
    return coarse ? static_cast<float>(pick(rng, -64, 64)) / 64 : uniform(rng);
  });
  if (w_format == Format::bf16) {
    for (float& f : p.w) f = bf16_value(bf16_bits(f));
  }
  p.lda = k + pick(rng, 0, 3);
  p.w_stride = k + pick(rng, 0, 3);
  Finish e{kActs[rng() % 8],
             rng() % 2 == 0,
             rng() % 2 == 0,
             rng() % 2 == 0,
             rng() % 3 == 0 ? Format::bf16 : Format::f32,
             n + pick(rng, 0, 5),
             n + pick(rng, 0, 5)};
  e.alias = e.alias && e.c_format == Format::f32;
  const std::vector<float> bias = draw_vector(rng, n), residual = draw_vector(rng, m * n);
  const void* b = place_packed(at, p, w_format);
  const void* a = place_rows(at.a, table.a_format, p.x, m, k, p.lda);
  const std::vector<float> y = run(at, p, a, b, e, bias, residual);
  for (int64_t i = 0; i < m; i++) {
    for (int64_t j = 0; j < n; j++) {
      auto [before, magnitude] = p.exact(i, j);
      const double offset = e.bias ? static_cast<double>(bias[static_cast<size_t>(j)]) : 0;
      before += offset;
      magnitude += std::fabs(offset);
      const double after = act_exact(e.act, before);
      const size_t index = static_cast<size_t>(i * n + j);
      const double expected = after + (e.residual ? static_cast<double>(residual[index]) : 0);
      const double got = static_cast<double>(y[index]);
      const double allowed = tolerance(p, e, magnitude, before, after, expected);
      if (std::fabs(got - expected) <= allowed) continue;
      CAPTURE(m);
      CAPTURE(n);
      CAPTURE(k);
      CAPTURE(i);
      CAPTURE(j);
      CAPTURE(static_cast<int>(e.act));
      CAPTURE(e.bias);
      CAPTURE(e.residual);
      CAPTURE(static_cast<int>(e.c_format));
      CAPTURE(static_cast<int>(w_format));
      CHECK(std::fabs(got - expected) <= allowed);
      return false;
    }
  }
  return true;
}

}  // namespace

TEST_CASE("gemm: random small shapes, strides, formats and epilogues agree with double precision") {
  constexpr int kCases = 8000;  // per variant
  const uint64_t seed = 20240611;
  INFO("seed ", seed);
  Rng rng(seed);
  Buffers at(1 << 20);
  for (const GemmTable* table : runnable()) {
    INFO(std::string(table->name));
    int cases = 0;
    while (cases < kCases && random_case(at, rng, *table)) cases++;
    CHECK(cases == kCases);
  }
}

TEST_CASE("gemm: the sum is one fused multiply-add per k, ascending, also across blocks of k") {
  Rng rng(7);
  Buffers at(16 << 20);
  const int64_t shapes[][3] = {{1, 193, 500},  {2, 200, 333},  {3, 97, 64},    {4, 96, 65},
                               {7, 50, 300},   {9, 49, 301},   {17, 16, 128},  {13, 33, 777},
                               {3, 49, 3500},  {73, 17, 3413}, {150, 5, 7001}, {64, 49, 3414},
                               {65, 20, 9001}, {8, 2, 15000},  {1, 100, 10240}};
  for (const GemmTable* table : runnable()) {
    if (!has_plain_chain(*table)) continue;
    for (const auto& s : shapes) {
      INFO(std::string(table->name), " m ", s[0], " n ", s[1], " k ", s[2]);
      const Problem p = make_problem(*table, s[0], s[1], s[2], [&] { return uniform(rng); });
      const void* b = place_packed(at, p, table->a_format);
      const void* a = place_rows(at.a, table->a_format, p.x, p.m, p.k, p.lda);
      const std::vector<float> y = run(at, p, a, b, {}, {}, {});
      int64_t wrong = 0;
      for (int64_t i = 0; i < p.m; i++) {
        for (int64_t j = 0; j < p.n; j++) {
          wrong += !same_bits(y[static_cast<size_t>(i * p.n + j)], p.chain(i, j));
        }
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("gemm: denormal, huge, infinite and NaN values follow the chain") {
  Rng rng(8);
  Buffers at(1 << 20);
  const float inf = std::numeric_limits<float>::infinity();
  const float special[] = {0.0f,    -0.0f,    0x1p-149f, -0x1p-130f, 0x1.8p-126f, 0x1p-75f,
                           0x1p63f, 0x1p127f, -0x1p127f, inf,        -inf,        std::nanf("")};
  for (const GemmTable* table : runnable()) {
    for (int round = 0; round < 300; round++) {
      const int64_t m = pick(rng, 1, 19), n = pick(rng, 1, 210), k = pick(rng, 1, 30);
      const uint64_t rarity = 1 + rng() % 60;
      const Problem p = make_problem(*table, m, n, k, [&] {
        return rng() % rarity == 0 ? special[rng() % std::size(special)] : uniform(rng);
      });
      const void* b = place_packed(at, p, table->a_format);
      const void* a = place_rows(at.a, table->a_format, p.x, m, k, p.lda);
      const std::vector<float> y = run(at, p, a, b, {}, {}, {});
      const Problem seen = has_plain_chain(*table) ? p : without_denormals(p);
      int64_t wrong = 0;
      for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) {
          const float got = y[static_cast<size_t>(i * n + j)];
          const float expected = p.chain(i, j);
          if (has_plain_chain(*table)) wrong += !same_bits(got, expected);
          // vdpbf16ps has another order, so only what cannot depend on it: a NaN stays NaN, a sum
          // far from overflow is right.
          const auto [sum, magnitude] = seen.exact(i, j);
          if (std::isnan(sum)) wrong += !std::isnan(got);
          if (magnitude < 0x1p100)
            wrong += !(std::fabs(static_cast<double>(got) - sum) <=
                       tolerance(p, {}, magnitude, sum, sum, sum));
        }
      }
      INFO(std::string(table->name), " m ", m, " n ", n, " k ", k);
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("gemm: any sub-rectangle has the bits of the whole") {
  Rng rng(9);
  Buffers at(8 << 20);
  for (const GemmTable* table : runnable()) {
    for (int round = 0; round < 150; round++) {
      const int64_t k = round % 10 == 0 ? pick(rng, 6000, 8000) : pick(rng, 1, 200);
      const int64_t m = pick(rng, 1, k > 1000 ? 20 : 90), n = pick(rng, 1, k > 1000 ? 60 : 320);
      const Problem whole = make_problem(*table, m, n, k, [&] { return uniform(rng); });
      const std::vector<float> bias = draw_vector(rng, n), residual = draw_vector(rng, m * n);
      const Finish e{kActs[rng() % 8], true, true, false, Format::f32, 0, 0};
      const char* b = static_cast<const char*>(place_packed(at, whole, table->a_format));
      const void* a = place_rows(at.a, table->a_format, whole.x, m, k, k);
      const std::vector<float> y = run(at, whole, a, b, e, bias, residual);
      Problem part = whole;
      const int64_t row = pick(rng, 0, m - 1), panel = pick(rng, 0, panels(*table, n) - 1);
      const int64_t column = panel * table->panel;
      part.m = pick(rng, 1, m - row);
      part.n = pick(rng, 1, n - column);
      part.lda = k + pick(rng, 0, 9);
      part.x.assign(whole.x.begin() + row * k, whole.x.begin() + (row + part.m) * k);
      std::vector<float> part_residual;
      for (int64_t i = 0; i < part.m; i++) {
        const auto from = residual.begin() + (row + i) * n + column;
        part_residual.insert(part_residual.end(), from, from + part.n);
      }
      a = place_rows(at.a, table->a_format, part.x, part.m, k, part.lda);
      const std::vector<float> part_bias(bias.begin() + column, bias.end());
      const size_t offset = table->packed_bytes(column, k);
      const std::vector<float> z = run(at, part, a, b + offset, e, part_bias, part_residual);
      int64_t wrong = 0;
      for (int64_t i = 0; i < part.m; i++) {
        for (int64_t j = 0; j < part.n; j++) {
          wrong += !same_bits(z[static_cast<size_t>(i * part.n + j)],
                              y[static_cast<size_t>((row + i) * n + column + j)]);
        }
      }
      INFO(std::string(table->name), " [", m, ", ", n, "] from ", row, ", ", column, " k ", k);
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("gemm: a bf16 result is the f32 result rounded, and residual may be c") {
  Rng rng(10);
  Buffers at(1 << 20);
  for (const GemmTable* table : runnable()) {
    for (int round = 0; round < 100; round++) {
      const int64_t m = pick(rng, 1, 20), n = pick(rng, 1, 120), k = pick(rng, 1, 60);
      const Problem p = make_problem(*table, m, n, k, [&] { return uniform(rng); });
      const std::vector<float> bias = draw_vector(rng, n), residual = draw_vector(rng, m * n);
      const void* b = place_packed(at, p, table->a_format);
      const void* a = place_rows(at.a, table->a_format, p.x, m, k, k);
      Finish e{kActs[rng() % 8], true, true, false, Format::f32, n + 3, n + 1};
      const std::vector<float> y = run(at, p, a, b, e, bias, residual);
      e.alias = true;
      CHECK(run(at, p, a, b, e, bias, residual) == y);
      e.alias = false;
      e.c_format = Format::bf16;
      const std::vector<float> half = run(at, p, a, b, e, bias, residual);
      int64_t wrong = 0;
      for (size_t i = 0; i < y.size(); i++)
        wrong += !same_bits(half[i], bf16_value(bf16_bits(y[i])));
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("gemm: panels packed separately are those packed together, padded with zeros") {
  Rng rng(11);
  Buffers at(1 << 20);
  for (const GemmTable* table : runnable()) {
    for (int round = 0; round < 60; round++) {
      const int64_t n = pick(rng, 1, 200), k = pick(rng, 1, 70);
      const Problem p = make_problem(*table, 0, n, k, [&] { return uniform(rng); });
      const size_t bytes = table->packed_bytes(n, k);
      CHECK(bytes == table->packed_bytes(panels(*table, n) * table->panel, k));
      const char* together = static_cast<const char*>(place_packed(at, p, table->a_format));
      const void* w = place_rows(at.w, table->a_format, p.w, n, k, k);
      char* apart = at.c.last<char>((bytes + 63) / 64 * 64);
      std::memset(apart, 0xff, bytes);
      for (int64_t i = panels(*table, n); i-- > 0;) {
        table->pack({w, nullptr, table->b_format, k, n, k, apart, i, i + 1});
      }
      CHECK(std::memcmp(together, apart, bytes) == 0);
      const size_t element = table->a_format == Format::f32 ? 4 : 2;
      size_t nonzero = 0, weights = 0;
      for (size_t i = 0; i < bytes; i += element) {
        nonzero += together[i] != 0 || together[i + element - 1] != 0 || together[i + 1] != 0;
      }
      for (float f : p.w) weights += f != 0;
      CHECK(nonzero == weights);
    }
  }
}

TEST_CASE("gemm: vdpbf16ps takes denormals as zero, the widening variants do not") {
  Buffers at(1 << 16);
  for (const GemmTable* table : runnable()) {
    if (table->a_format != Format::bf16) continue;
    const Problem p = make_problem(*table, 1, 1, 1, [] { return 0x1p-130f; });
    Problem q = p;
    q.w[0] = 0x1p10f;
    const void* b = place_packed(at, q, Format::bf16);
    const void* a = place_rows(at.a, Format::bf16, q.x, 1, 1, 1);
    const float expected = has_plain_chain(*table) ? 0x1p-120f : 0.0f;
    CHECK(run(at, q, a, b, {}, {}, {})[0] == expected);
  }
}
