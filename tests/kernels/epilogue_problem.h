// SPDX-License-Identifier: Apache-2.0
// The epilogue (kernels/gemm/epilogue.h) in the tests of the gemm families: its operands, each
// between two pages that may not be touched, and what it must compute. Used by gemm_block_problem.h
// and gemm_int8_problem.h.
#pragma once

#include <math.h>
#include <string.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "../../kernels/gemm/epilogue.h"
#include "act_exact.h"
#include "buffers.h"

namespace tern::test::epilogue {

using kernels::Act;
using kernels::Epilogue;
using kernels::Format;

constexpr double kRound = 0x1p-24;  // largest relative error of one rounding
constexpr Act kActs[] = {Act::none, Act::gelu, Act::gelu_tanh, Act::quick_gelu,
                         Act::relu, Act::tanh, Act::silu,      Act::sigmoid};

// One mapping for many cases: `count` elements against its upper or its lower forbidden page.
class Room {
 public:
  explicit Room(int64_t bytes) : bytes_(bytes), buffer_(bytes) {}

  template <class T>
  T* place(int64_t count, bool front) {
    const int64_t bytes = count * static_cast<int64_t>(sizeof(T));
    REQUIRE(bytes <= bytes_);
    // GuardedBuffer's data ends at the upper page; bytes_ is a multiple of a page and another page
    // of slack lies below, whose begin is the lower end.
    char* end = buffer_.data() + bytes_;
    char* begin = buffer_.data() - sysconf(_SC_PAGESIZE);
    return reinterpret_cast<T*>(front ? begin : end - bytes);
  }

 private:
  int64_t bytes_;
  GuardedBuffer<char> buffer_;
};

struct EpilogueRooms {
  Room c{1 << 18}, bias{1 << 14}, residual{1 << 18};
};

// Of y; `front`: which end of its room an operand lies at.
struct Shape {
  int64_t m, n;
  bool front;
};

constexpr float kUntouched = 12345.0f;

struct Finish {
  Act act = Act::none;
  bool gate = false, alias = false;
  Format c_format = Format::f32;
  int64_t ldc = 0;                    // at least the columns
  std::vector<float> bias, residual;  // empty: none
};

// c as f32, [m, columns of c], of the call that is given the epilogue. What lies between its rows
// must stay untouched.
template <class Call>
std::vector<float> finished(EpilogueRooms& at, const Shape& s, const Finish& f, Call call) {
  const int64_t columns = f.gate ? s.n / 2 : s.n, ldc = std::max(f.ldc, columns);
  const int64_t extent = s.m == 0 ? 0 : (s.m - 1) * ldc + columns;
  const bool f32 = f.c_format == Format::f32;
  float* c = at.c.place<float>(f32 ? extent : 0, s.front);
  uint16_t* c16 = at.c.place<uint16_t>(f32 ? 0 : extent, s.front);
  const uint16_t untouched = static_cast<uint16_t>(bits_from_float(kUntouched) >> 16);
  std::fill(c, c + (f32 ? extent : 0), kUntouched);
  std::fill(c16, c16 + (f32 ? 0 : extent), untouched);
  float* residual = at.residual.place<float>(static_cast<int64_t>(f.residual.size()), s.front);
  std::copy(f.residual.begin(), f.residual.end(), residual);
  if (f.alias) {
    for (int64_t i = 0; i < s.m; i++) std::copy_n(residual + i * columns, columns, c + i * ldc);
  }
  float* bias = at.bias.place<float>(static_cast<int64_t>(f.bias.size()), s.front);
  std::copy(f.bias.begin(), f.bias.end(), bias);
  Epilogue e{f32 ? static_cast<void*>(c) : c16, f.c_format, ldc};
  e.bias = f.bias.empty() ? nullptr : bias;
  e.residual = f.residual.empty() ? nullptr : f.alias ? c : residual;
  e.ld_residual = f.alias ? ldc : columns;
  e.act = f.act;
  e.gate = f.gate;
  call(e);
  std::vector<float> y;
  bool kept = true;
  for (int64_t i = 0; i < extent; i++) {
    if (i % ldc < columns) {
      y.push_back(f32 ? c[i] : float_from_bf16(c16[i]));
    } else {
      kept = kept &&
             (f32 ? bits_from_float(c[i]) == bits_from_float(kUntouched) : c16[i] == untouched);
    }
  }
  CHECK(kept);
  return y;
}

inline std::vector<float> draw(Random& random, int64_t count) {
  std::vector<float> v(static_cast<size_t>(count));
  for (float& f : v) f = static_cast<float>(random.uniform(-2, 2));
  return v;
}

inline Finish random_finish(Random& random, int64_t m, int64_t n, bool gate) {
  Finish f;
  const int64_t columns = gate ? n / 2 : n;
  f.gate = gate;
  f.act = kActs[random.below(8)];
  f.c_format = random.below(3) == 0 ? Format::bf16 : Format::f32;
  f.ldc = columns + random.below(4);
  if (random.below(2) == 0) f.bias = draw(random, n);
  if (random.below(2) == 0) f.residual = draw(random, m * columns);
  f.alias = !f.residual.empty() && f.c_format == Format::f32 && random.below(2) == 0;
  return f;
}

// The epilogue of the sums y in double. Each step rounds once; an activation has slope below 1.13
// and an own relative error of 8 · 2^-24 or 2e-11 |x|.
inline int64_t wrong_results(const Shape& s, const Finish& f, const std::vector<float>& y,
                             const std::vector<float>& c) {
  const int64_t step = f.gate ? 2 : 1, columns = s.n / step;
  int64_t wrong = 0;
  for (int64_t i = 0; i < s.m; i++) {
    for (int64_t j = 0; j < columns; j++) {
      const auto biased = [&](int64_t column) {
        return static_cast<double>(y[static_cast<size_t>(i * s.n + column)]) +
               (f.bias.empty() ? 0 : static_cast<double>(f.bias[static_cast<size_t>(column)]));
      };
      const double before = biased(step * j);
      double expected = act_exact(f.act, before), error = kRound * std::fabs(before);
      if (f.act != Act::none) {
        error = 1.13 * error + 8 * kRound * std::fabs(expected) + 2e-11 * std::fabs(before);
      }
      if (f.gate) {
        const double up = biased(2 * j + 1);
        error = error * std::fabs(up) * 1.01 + 2.02 * kRound * std::fabs(expected * up);
        expected *= up;
      }
      const size_t at = static_cast<size_t>(i * columns + j);
      if (!f.residual.empty()) expected += static_cast<double>(f.residual[at]);
      error += kRound * std::fabs(expected) + 0x1p-140;
      if (f.c_format == Format::bf16) error += 0x1p-8 * (std::fabs(expected) + error) + 0x1p-134;
      wrong += !(std::fabs(static_cast<double>(c[at]) - expected) <= error);
    }
  }
  return wrong;
}

}  // namespace tern::test::epilogue
