// SPDX-License-Identifier: Apache-2.0
// Weights that run from their file: the bits of packed ones in every shape and type, before they
// are packed and after, and when that is.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "../../engine/base/env.h"
#include "../../engine/base/storage.h"
#include "../../engine/nn.h"
#include "scratch.h"
#include "tensors.h"

using namespace tern;
using namespace tern::test;

namespace {

struct Product {
  std::vector<Tensor> weights;
  bool woven;
};

/// Borders on panels, inside them, in the last of few columns, and a column of its own.
std::vector<Product> products(std::mt19937& rng, DType dtype, Context& ctx) {
  const auto weight = [&](int64_t n, int64_t k) { return in(ctx, random(rng, {n, k}), dtype); };
  return {{{weight(400, 96)}, false},
          {{weight(1, 33)}, false},
          {{weight(96, 64), weight(48, 64)}, false},
          {{weight(50, 37), weight(3, 37), weight(131, 37)}, false},
          {{weight(75, 192), weight(75, 192)}, true}};
}

/// The weights one behind the other in a file, and the views of it.
std::vector<Tensor> mapped(const Scratch& scratch, const std::vector<Tensor>& weights) {
  std::string content;
  for (const Tensor& w : weights) content.append(reinterpret_cast<const char*>(w.raw()), w.bytes());
  const StorageRef storage = map_storage(scratch.file("weights", content));
  std::vector<Tensor> views;
  size_t offset = 0;
  for (const Tensor& w : weights) {
    views.emplace_back(storage, w.dtype(), w.shape(), offset);
    offset += w.bytes();
  }
  return views;
}

Linear layer_of(const std::vector<Tensor>& weights, bool woven, LinearFormat format) {
  if (woven) return Linear::gate_up({.gate = weights[0], .up = weights[1]}, std::move(format));
  return Linear(weights, std::vector<Tensor>(weights.size()), std::move(format));
}

LinearFormat with_turns(WeightFormat weights, const std::shared_ptr<PackingTurns>& turns) {
  LinearFormat format{weights};
  format.turns = turns;
  return format;
}

}  // namespace

TEST_CASE("products in place have the bits of packed ones: any shape, type and number of threads") {
  std::mt19937 rng(1);
  Context plain;
  for (const DType stored : {DType::f32, DType::bf16, DType::f16}) {
    for (const Product& p : products(rng, stored, plain)) {
      const Tensor rows = random(rng, {500, p.weights[0].dim(1)});
      for (const WeightFormat weights : {WeightFormat::f32, WeightFormat::bf16, WeightFormat::f16,
                                         WeightFormat::int8, WeightFormat::int4}) {
        if (weights == WeightFormat::int4 && rows.dim(1) % 32 != 0) continue;
        const LinearFormat format{weights};
        Backend& cpu = cpu_backend();
        const auto packed = cpu.pack(ThreadPool::shared(), p.weights, format, p.woven);
        const auto in_place = cpu.in_place(p.weights, format, p.woven);
        CHECK(in_place->bytes() == 0);
        for (const int threads : {1, 3}) {
          ThreadPool pool(threads, true);
          Context ctx({.pool = &pool});
          for (const int64_t m : {1, 2, 7, 500}) {
            CAPTURE(static_cast<int>(weights));
            CAPTURE(m);
            const Tensor x = rows.slice(0, 0, m);
            const LinearOptions options = {.act = Act::silu, .gate = p.woven};
            CHECK(same_bits(linear(ctx, x, *in_place, Tensor(), options),
                            linear(ctx, x, *packed, Tensor(), options)));
          }
        }
      }
    }
  }
}

TEST_CASE(
    "views of a file are packed in the call whose turn it is, with the same bits throughout") {
  std::mt19937 rng(2);
  Context ctx;
  for (const Product& p : products(rng, DType::bf16, ctx)) {
    const Scratch scratch;
    const std::vector<Tensor> views = mapped(scratch, p.weights);
    const auto turns = std::make_shared<PackingTurns>();
    turns->next(2 * PackingTurns::kEach);  // what came before takes two calls
    const Linear layer = layer_of(views, p.woven, with_turns(WeightFormat::bf16, turns));
    const Linear packed = layer_of(p.weights, p.woven, {WeightFormat::bf16});
    const Tensor x = random(rng, {5, p.weights[0].dim(1)});
    const LinearOptions options = {.gate = p.woven};
    const Tensor expected = packed(ctx, x, options).clone();
    for (int call = 0; call < 6; ++call) {
      CAPTURE(call);
      CHECK(layer.bytes() == (call > 3 ? packed.bytes() : 0));
      CHECK(same_bits(layer(ctx, x, options), expected));
    }
  }
}

TEST_CASE("each call packs so many bytes, and none the first") {
  PackingTurns turns;
  CHECK(turns.next(1) == 1);
  CHECK(turns.next(PackingTurns::kEach - 1) == 1);
  CHECK(turns.next(5 * PackingTurns::kEach) == 2);
  CHECK(turns.next(1) == 7);
}

TEST_CASE("weights that have to be quantised, moved or converted are packed at once") {
  std::mt19937 rng(3);
  Context ctx;
  const Scratch scratch;
  const Tensor w = in(ctx, random(rng, {64, 64}), DType::bf16);
  const Tensor view = mapped(scratch, {w})[0];
  const auto bytes = [&](const Tensor& weight, WeightFormat format) {
    return Linear(weight, Tensor(), with_turns(format, std::make_shared<PackingTurns>())).bytes();
  };
  CHECK(bytes(view, WeightFormat::bf16) == 0);
  CHECK(bytes(view, WeightFormat::f32) == 0);
  CHECK(bytes(view, WeightFormat::int8) > 0);
  CHECK(bytes(view, WeightFormat::int4) > 0);
  CHECK(bytes(w, WeightFormat::bf16) > 0);             // on the heap: the caller may write to it
  CHECK(bytes(turned(view), WeightFormat::bf16) > 0);  // as GPT-2 has it
  std::string shifted = "x";
  shifted.append(reinterpret_cast<const char*>(w.raw()), w.bytes());
  const StorageRef storage = map_storage(scratch.file("shifted", shifted));
  CHECK(bytes(Tensor(storage, DType::bf16, w.shape(), 1), WeightFormat::bf16) > 0);
}

TEST_CASE("calls beside each other have the same bits while one of them packs") {
  std::mt19937 rng(4);
  Context ctx;
  const Scratch scratch;
  const Tensor w = in(ctx, random(rng, {700, 96}), DType::bf16);
  const Tensor view = mapped(scratch, {w})[0];
  const Tensor x = random(rng, {3, 96});
  const Tensor expected = Linear(w, Tensor(), {WeightFormat::bf16})(ctx, x).clone();
  for (int round = 0; round < 50; ++round) {
    const Linear layer(view, Tensor(),
                       with_turns(WeightFormat::bf16, std::make_shared<PackingTurns>()));
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        ThreadPool pool(1);
        Context own({.pool = &pool});
        for (int call = 0; call < 4; ++call) wrong += !same_bits(layer(own, x), expected);
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == 0);
    CHECK(layer.bytes() > 0);
  }
}

TEST_CASE("where there is no memory for panels, products go on in place") {
  std::mt19937 rng(5);
  Context ctx;
  const Scratch scratch;
  const Tensor w = in(ctx, random(rng, {40000, 256}), DType::bf16);  // more than a shared slab has
  const Linear layer(mapped(scratch, {w})[0], Tensor(),
                     with_turns(WeightFormat::bf16, std::make_shared<PackingTurns>()));
  const Tensor x = random(rng, {1, 256});
  const Tensor expected = layer(ctx, x).clone();
  struct NoMemory : Env {
    NoMemory() { set_env(this); }
    ~NoMemory() override { set_env(nullptr); }
    int asked = 0;
    FileMapping map_memory(size_t) override {
      ++asked;
      fail(ErrorCode::out_of_memory, "no memory");
    }
  } none;
  for (int call = 1; call < 4; ++call) CHECK(same_bits(layer(ctx, x), expected));
  CHECK(none.asked == 1);
  CHECK(layer.bytes() == 0);
}
