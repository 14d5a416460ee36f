// SPDX-License-Identifier: Apache-2.0
// Linear layers and embeddings that run from a GGUF file's blocks, against the same weights as
// floats.
#include "../../engine/blocks.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "../../engine/nn.h"
#include "tensors.h"

using namespace tern;
using namespace tern::test;

namespace {

struct Format {
  DType dtype;
  size_t scales[2];  // where a block has its f16 numbers
};
constexpr Format kFormats[] = {
    {DType::q4_0, {0, 0}},        {DType::q4_1, {0, 2}},        {DType::q5_0, {0, 0}},
    {DType::q5_1, {0, 2}},        {DType::q8_0, {0, 0}},        {DType::q2_k, {80, 82}},
    {DType::q3_k, {108, 108}},    {DType::q4_k, {0, 2}},        {DType::q5_k, {0, 2}},
    {DType::q6_k, {208, 208}},    {DType::int4_g32_zp, {0, 0}}, {DType::int4_g128_zp, {0, 0}},
    {DType::int8_g32_zp, {0, 0}}, {DType::int8_g128_zp, {0, 0}}};

const Format& format_of(DType dtype) {
  for (const Format& f : kFormats) {
    if (f.dtype == dtype) return f;
  }
  return kFormats[0];
}

/// Blocks of any bits with scales of 2^-7 … 2^-3.
Tensor random_blocks(std::mt19937& rng, DType dtype, Shape shape) {
  Tensor out = Tensor::empty(dtype, shape);
  auto* bytes = reinterpret_cast<uint8_t*>(out.raw());
  const size_t block = block_size(dtype).bytes;
  for (size_t i = 0; i < out.bytes(); ++i) bytes[i] = static_cast<uint8_t>(rng());
  for (size_t at = 0; at < out.bytes(); at += block) {
    for (const size_t scale : format_of(dtype).scales) {
      bytes[at + scale + 1] = static_cast<uint8_t>(0x20 + rng() % 0x10);
    }
  }
  return out;
}

/// How far y = x·wᵀ may be when x is rounded to 127 steps of the largest of 32 neighbours, and
/// summed in f32.
double tolerance(const float* x, const float* w, int64_t k) {
  double sum = 0;
  for (int64_t g = 0; g < k; g += 32) {
    double largest = 0, weights = 0, products = 0;
    for (int64_t i = g; i < g + 32; ++i) {
      largest = std::max(largest, std::abs(static_cast<double>(x[i])));
      weights += std::abs(static_cast<double>(w[i]));
      products += std::abs(static_cast<double>(x[i]) * static_cast<double>(w[i]));
    }
    // Half a step each, and the rounding of what is added: the parts of a weight that has a minimum
    // may be larger than it, by no more than the 64 of its codes.
    sum += largest / 254 * weights + 64 * 6e-8 * (products + largest * weights);
  }
  return sum;
}

void check_product(const Tensor& x, const Tensor& w, const Tensor& y) {
  const int64_t k = x.dim(1), n = w.dim(0);
  for (int64_t i = 0; i < x.dim(0); ++i) {
    for (int64_t j = 0; j < n; ++j) {
      const float *a = x.data<float>() + i * k, *b = w.data<float>() + j * k;
      double expected = 0;
      for (int64_t c = 0; c < k; ++c) {
        expected += static_cast<double>(a[c]) * static_cast<double>(b[c]);
      }
      const double found = static_cast<double>(y.data<float>()[i * n + j]);
      REQUIRE(std::abs(found - expected) <= tolerance(a, b, k));
    }
  }
}

const LinearFormat kFormat = LinearFormat::of(DType::f32);

}  // namespace

TEST_CASE("a product with blocks of every type is that of their weights and rows in int8") {
  std::mt19937 rng(1);
  Context ctx;
  for (const Format& f : kFormats) {
    CAPTURE(std::string(to_string(f.dtype)));
    const Tensor w = random_blocks(rng, f.dtype, {75, 512}), x = random(rng, {5, 512});
    const Tensor wide = dequantized(w);
    const Tensor runs = with_products(w, DType::f32);
    CHECK(has_products(f.dtype) == (runs.raw() == w.raw()));
    if (block_size(runs.dtype())) CHECK(same_bits(dequantized(runs), wide));
    const Linear layer(runs, Tensor(), kFormat);
    check_product(x, wide, layer(ctx, x));
    const bool unpacked = f.dtype == DType::q5_1 || f.dtype == DType::q2_k;
    CHECK((runs.dtype() == DType::f32) == unpacked);
  }
}

TEST_CASE("blocks become bf16 and f16 as their f32 weights do") {
  std::mt19937 rng(2);
  Context ctx;
  for (const Format& f : kFormats) {
    CAPTURE(std::string(to_string(f.dtype)));
    const Tensor w = random_blocks(rng, f.dtype, {3, 256});
    for (const DType narrow : {DType::bf16, DType::f16}) {
      CHECK(same_bits(dequantized(w, narrow), convert(ctx, dequantized(w), narrow)));
    }
  }
}

TEST_CASE("a stack of weights in different blocks and floats is one product, part by part") {
  std::mt19937 rng(3);
  Context ctx;
  const Tensor parts[] = {random_blocks(rng, DType::q4_k, {50, 256}),
                          random_blocks(rng, DType::q4_k, {3, 256}),
                          random_blocks(rng, DType::q6_k, {70, 256}), random(rng, {9, 256}),
                          random_blocks(rng, DType::q8_0, {33, 256})};
  std::vector<Tensor> biases;
  for (const Tensor& part : parts) biases.push_back(random(rng, {part.dim(0)}));
  const Linear stacked(parts, biases, kFormat);
  CHECK(stacked.out_features() == 165);
  const Tensor x = random(rng, {7, 256}), residual = random(rng, {7, 165});
  const Tensor y = stacked(ctx, x, {.act = Act::gelu, .residual = residual});
  int64_t column = 0;
  for (size_t p = 0; p < biases.size(); ++p) {
    const int64_t end = column + parts[p].dim(0);
    const Linear alone(parts[p], biases[p], kFormat);
    const Tensor part =
        alone(ctx, x, {.act = Act::gelu, .residual = residual.slice(1, column, end).clone()});
    CHECK(same_bits(part, y.slice(1, column, end).clone()));
    column = end;
  }
}

TEST_CASE("a gate and its up weight in blocks, woven, give act(gate) · up") {
  std::mt19937 rng(4);
  Context ctx;
  const Tensor x = random(rng, {11, 256});
  for (const DType second : {DType::q4_k, DType::q6_k}) {  // of one type, and of two
    const Tensor gate = random_blocks(rng, DType::q4_k, {75, 256});
    const Tensor up = random_blocks(rng, second, {75, 256});
    const Linear both = Linear::gate_up({.gate = gate, .up = up}, kFormat);
    const Tensor y = both(ctx, x, {.act = Act::silu, .gate = true});
    const bool woven = second == DType::q4_k;
    const Linear one(woven ? gate : dequantized(gate), Tensor(), kFormat);
    const Linear two(woven ? up : dequantized(up), Tensor(), kFormat);
    const Tensor a = one(ctx, x, {.act = Act::silu}), b = two(ctx, x);
    for (int64_t i = 0; i < y.numel(); ++i) {
      CHECK(y.data<float>()[i] == a.data<float>()[i] * b.data<float>()[i]);
    }
  }
}

TEST_CASE("rows looked up in a table of blocks are its rows as floats, alone and in a sum") {
  std::mt19937 rng(5);
  Context ctx;
  const std::vector<int64_t> ids = {3, 0, 19, 3}, places = {0, 1, 2, 3};
  const Tensor places_table = random(rng, {4, 256});
  for (const Format& f : kFormats) {
    if (!has_products(f.dtype)) continue;
    const Tensor table = random_blocks(rng, f.dtype, {20, 256}), wide = dequantized(table);
    const EmbeddingInput blocks[] = {{table, ids}, {places_table, places}, {table, places}};
    const EmbeddingInput floats[] = {{wide, ids}, {places_table, places}, {wide, places}};
    for (const size_t count : {size_t{1}, size_t{3}}) {
      CHECK(same_bits(embedding(ctx, std::span(blocks).first(count), "ids"),
                      embedding(ctx, std::span(floats).first(count), "ids")));
    }
  }
  const EmbeddingInput none[] = {{random_blocks(rng, DType::q5_1, {20, 256}), ids}};
  CHECK_THROWS_WITH_AS(embedding(ctx, none, "ids"), doctest::Contains("ids: a table is Q5_1"),
                       Error);
}

TEST_CASE("a view of blocks begins where a block does") {
  std::mt19937 rng(6);
  const Tensor w = random_blocks(rng, DType::q4_0, {4, 64}), wide = dequantized(w);
  CHECK(w.bytes() == 4 * 36);
  CHECK(row_bytes(DType::q6_k, 512) == 2 * 210);
  CHECK(row_bytes(DType::bf16, 5) == 10);
  CHECK(same_bits(dequantized(w.slice(0, 1, 3)), wide.slice(0, 1, 3)));
  CHECK(same_bits(dequantized(w[2]), wide[2]));
  CHECK_THROWS_WITH_AS(w.slice(1, 5, 64),
                       doctest::Contains("begin at element 5, inside a block of 32"), Error);
  CHECK(!Shape({4, 48}).bytes(DType::q4_0));
}
