// SPDX-License-Identifier: Apache-2.0
// What gemm promises bit by bit: the chain of each sum, any rectangle, the epilogue's forms, the
// panels.
#include <doctest/doctest.h>

#include "gemm_problem.h"

using namespace tern::test;
using namespace tern::kernels;

TEST_CASE("gemm: the sum is one fused multiply-add per k, ascending, also across blocks of k") {
  Random rng(7);
  const Sizes shapes[] = {{1, 193, 500},  {2, 200, 333},  {3, 97, 64},    {4, 96, 65},
                          {7, 50, 300},   {9, 49, 301},   {17, 16, 128},  {13, 33, 777},
                          {3, 49, 3500},  {73, 17, 3413}, {150, 5, 7001}, {64, 49, 3414},
                          {65, 20, 9001}, {8, 2, 15000},  {1, 100, 10240}};
  for_each_gemm([&](const GemmTable& table) {
    if (!has_plain_chain(table)) return;
    for (const Sizes& s : shapes) {
      const Problem p = uniform_problem(rng, table, s);
      const Packed packed(rng, p);
      const std::vector<float> y = run(rng, p, packed.data(), {}, {});
      std::vector<float> right(y.size());
      for (size_t i = 0; i < y.size(); i++) {
        right[i] = p.chain(static_cast<int64_t>(i) / s.n, static_cast<int64_t>(i) % s.n);
      }
      INFO("m ", s.m, " n ", s.n, " k ", s.k);
      CHECK(different(y, right) == 0);
    }
  });
}

TEST_CASE("gemm: any sub-rectangle has the bits of the whole") {
  Random rng(9);
  for_each_gemm([&](const GemmTable& table) {
    for (int round = 0; round < 150; round++) {
      const int64_t k = round % 10 == 0 ? between(rng, 6000, 8000) : between(rng, 1, 200);
      const int64_t m = between(rng, 1, k > 1000 ? 20 : 90);
      const bool gate = round % 3 == 0;
      const int64_t n =
          gate ? 2 * between(rng, 1, k > 1000 ? 30 : 160) : between(rng, 1, k > 1000 ? 60 : 320);
      const int64_t step = gate ? 2 : 1;
      Problem whole = uniform_problem(rng, table, {m, n, k});
      whole.woven = gate;
      const Added added{uniform_vector(rng, n), uniform_vector(rng, m * n / step)};
      const Finish f{static_cast<Act>(rng.below(8)), true, true, gate};
      const Packed packed(rng, whole);
      const std::vector<float> y = run(rng, whole, packed.data(), f, added);

      const int64_t row = rng.below(m), column = rng.below(panels(table, n)) * table.panel;
      Problem part = whole;
      part.m = between(rng, 1, m - row);
      part.n = step * between(rng, 1, (n - column) / step);
      part.x.assign(whole.x.begin() + row * k, whole.x.begin() + (row + part.m) * k);
      Added some{{added.bias.begin() + column, added.bias.begin() + column + part.n}, {}};
      std::vector<float> right;
      for (int64_t i = row; i < row + part.m; i++) {
        const int64_t begin = (i * n + column) / step, end = begin + part.n / step;
        some.residual.insert(some.residual.end(), added.residual.begin() + begin,
                             added.residual.begin() + end);
        right.insert(right.end(), y.begin() + begin, y.begin() + end);
      }
      const unsigned char* b = packed.data() + table.packed_bytes(column, k);
      INFO("[", m, ", ", n, "] from ", row, ", ", column, " size ", part.m, ", ", part.n, " k ", k);
      CHECK(different(run(rng, part, b, f, some), right) == 0);
    }
  });
}

TEST_CASE("gemm: a bf16 result is the f32 result rounded, and residual may be c") {
  Random rng(10);
  for_each_gemm([&](const GemmTable& table) {
    for (int round = 0; round < 100; round++) {
      const bool gate = round % 2 == 0;
      const int64_t m = between(rng, 1, 20), n = 2 * between(rng, 1, 60);
      const Problem p = uniform_problem(rng, table, {m, n, between(rng, 1, 60)});
      const Added added{uniform_vector(rng, n), uniform_vector(rng, m * n)};
      const Packed packed(rng, p);
      Finish f{static_cast<Act>(rng.below(8)), true, true, gate};
      std::vector<float> y = run(rng, p, packed.data(), f, added);
      f.alias = true;
      CHECK(different(run(rng, p, packed.data(), f, added), y) == 0);
      f.alias = false;
      f.c_format = Format::bf16;
      for (float& v : y) v = rounded(Format::bf16, v);
      CHECK(different(run(rng, p, packed.data(), f, added), y) == 0);
    }
  });
}

TEST_CASE("gemm: gate is the activated even column times the odd one, plus residual") {
  Random rng(13);
  for_each_gemm([&](const GemmTable& table) {
    for (int round = 0; round < 100; round++) {
      const int64_t m = between(rng, 1, 20), n = 2 * between(rng, 1, 110);
      const Problem p = uniform_problem(rng, table, {m, n, between(rng, 0, 60)});
      const Added added{uniform_vector(rng, n), uniform_vector(rng, m * n / 2)};
      const Packed packed(rng, p);
      const Act act = static_cast<Act>(rng.below(8));
      const std::vector<float> gate = run(rng, p, packed.data(), {act, true}, added);
      const std::vector<float> up = run(rng, p, packed.data(), {Act::none, true}, added);
      std::vector<float> right(added.residual);
      for (size_t i = 0; i < right.size(); i++) right[i] += gate[2 * i] * up[2 * i + 1];
      CHECK(different(run(rng, p, packed.data(), {act, true, true, true}, added), right) == 0);
    }
  });
}

TEST_CASE("gemm: panels packed separately are those packed together, padded with zeros") {
  Random rng(11);
  for_each_gemm([&](const GemmTable& table) {
    for (int round = 0; round < 60; round++) {
      const int64_t n = between(rng, 1, 200), k = between(rng, 1, 70);
      const Problem p = uniform_problem(rng, table, {0, n, k});
      const size_t bytes = table.packed_bytes(n, k), element = bytes_of(table.b_format);
      CHECK(bytes == table.packed_bytes(panels(table, n) * table.panel, k));
      const Packed together(rng, p);
      Placed w(rng, table.b_format, n, k, k);
      w.fill(p.w, n, k);
      GuardedBuffer<unsigned char> apart(static_cast<int64_t>(bytes), Edge::front);
      for (int64_t i = panels(table, n); i-- > 0;) {
        table.pack({w.data(), nullptr, table.b_format, k, n, k, apart.data(), i, i + 1});
      }
      CHECK(memcmp(together.data(), apart.data(), bytes) == 0);
      size_t nonzero = 0, weights = 0;
      for (size_t i = 0; i < bytes; i += element) {
        const unsigned char* v = together.data() + i;
        nonzero += v[0] != 0 || v[1] != 0 || v[element - 1] != 0;
      }
      for (float f : p.w) weights += f != 0;
      CHECK(nonzero == weights);
    }
  });
}

TEST_CASE("gemm: gate and up are packed as one matrix of alternating rows") {
  Random rng(14);
  for_each_gemm([&](const GemmTable& table) {
    for (int round = 0; round < 60; round++) {
      const int64_t n = 2 * between(rng, 1, 100), k = between(rng, 1, 70);
      Problem p = uniform_problem(rng, table, {0, n, k});
      const Packed plain(rng, p);
      p.woven = true;
      const Packed woven(rng, p);
      CHECK(memcmp(plain.data(), woven.data(), table.packed_bytes(n, k)) == 0);
    }
  });
}
