// SPDX-License-Identifier: Apache-2.0
#include "../../engine/memory.h"

#include <doctest/doctest.h>

#include <random>
#include <thread>
#include <vector>

#include "../allocations.h"
#include "scratch.h"

using namespace tern;
using namespace tern::test;

namespace {

/// The tensors of one encoder layer over `tokens` tokens, alive when a real one has them alive.
Tensor layer(Arena& arena, const Tensor& x, int64_t tokens) {
  Tensor h;
  {
    const Tensor qkv = arena.tensor(DType::f32, {tokens, 1152});
    const Tensor heads = arena.tensor(DType::f32, {tokens, 384});
    h = arena.tensor(DType::f32, {tokens, 384});
  }
  const Tensor wide = arena.tensor(DType::bf16, {tokens, 1536});
  Tensor y = arena.tensor(DType::f32, {tokens, 384});
  y.data<float>()[0] = x.data<float>()[0] + 1;
  return y;
}

float forward(Arena& arena, int64_t tokens) {
  Tensor x = arena.tensor(DType::f32, {tokens, 384});
  x.data<float>()[0] = 0;
  for (int i = 0; i < 6; ++i) x = layer(arena, x, tokens);
  return x.data<float>()[0];
}

}  // namespace

TEST_CASE("after the first forward pass of a size nothing is allocated") {
  Arena arena;
  CHECK(forward(arena, 100) == 6);
  const size_t before = allocations();
  const size_t reserved = arena.reserved();
  for (int i = 0; i < 10; ++i) forward(arena, 100);
  CHECK(allocations() == before);
  CHECK(arena.reserved() == reserved);
}

TEST_CASE("batches of alternating sizes allocate nothing once all were seen") {
  Arena arena;
  const int64_t sizes[] = {512, 8, 100, 1, 300};
  for (int warm = 0; warm < 3; ++warm) {
    for (const int64_t tokens : sizes) forward(arena, tokens);
  }
  const size_t before = allocations();
  for (int i = 0; i < 20; ++i) {
    for (const int64_t tokens : sizes) forward(arena, tokens);
  }
  CHECK(allocations() == before);
}

TEST_CASE("what is held stays within twice the highest demand and a mebibyte, whatever sizes come") {
  // Phases of equal demand, each in pieces that those of the others cannot serve.
  Arena arena;
  constexpr size_t kDemand = size_t{8} << 20;
  for (size_t piece = size_t{16} << 10; piece <= kDemand; piece *= 4) {
    std::vector<StorageRef> alive;
    for (size_t sum = 0; sum < kDemand; sum += piece) alive.push_back(arena.bytes(piece));
    CHECK(arena.reserved() <= 2 * kDemand + (size_t{1} << 20));
  }
}

TEST_CASE("blocks in use never overlap and are aligned") {
  std::mt19937 random(3);
  INFO("seed 3");
  Arena arena;
  struct Held {
    StorageRef bytes;
    std::byte mark;
  };
  std::vector<Held> held;
  const auto whole = [](const Held& h) {
    for (size_t i = 0; i < h.bytes->size(); ++i) {
      if (h.bytes->data()[i] != h.mark) return false;
    }
    return true;
  };
  for (int i = 0; i < 2000; ++i) {
    if (held.size() < 20 && random() % 2) {
      const size_t size = random() % 20000;
      Held h{arena.bytes(size), std::byte(random() % 256)};
      REQUIRE(h.bytes->size() == size);
      REQUIRE(reinterpret_cast<uintptr_t>(h.bytes->data()) % kAlignment == 0);
      if (size) std::memset(h.bytes->data(), static_cast<int>(h.mark), size);
      held.push_back(std::move(h));
    } else if (!held.empty()) {
      const size_t k = random() % held.size();
      REQUIRE(whole(held[k]));
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(k));
    }
  }
}

TEST_CASE("trim gives free blocks back and leaves those in use") {
  const long live = live_allocations();
  {
    Arena arena;
    const StorageRef kept = arena.bytes(5000);
    { const StorageRef dropped = arena.bytes(100000); }
    CHECK(arena.reserved() > 100000);
    arena.trim();
    CHECK(arena.reserved() >= 5000);
    CHECK(arena.reserved() < 10000);
    kept->data()[4999] = std::byte{1};
  }
  CHECK(live_allocations() == live);
}

TEST_CASE("tensors outlive their arena, and the last of them frees everything") {
  const long live = live_allocations();
  Tensor a, b;
  {
    Arena arena;
    a = arena.tensor(DType::f32, {1000});
    b = arena.tensor(DType::f32, {1000});
    arena.tensor(DType::f32, {50000});
  }
  a.data<float>()[999] = 1;
  b.data<float>()[999] = 2;
  const long both = live_allocations();
  a = Tensor();
  CHECK(live_allocations() == both - 1);
  CHECK(b.data<float>()[999] == 2);
  b = Tensor();
  CHECK(live_allocations() == live);
}

TEST_CASE("blocks are dropped on other threads while the arena allocates and after it is gone") {
  const long live = live_allocations();
  for (int round = 0; round < 20; ++round) {
    std::vector<std::thread> threads;
    {
      Arena arena;
      for (int t = 0; t < 4; ++t) {
        std::vector<Tensor> mine;
        for (int i = 0; i < 16; ++i) mine.push_back(arena.tensor(DType::f32, {512 + i}));
        threads.emplace_back([mine = std::move(mine)]() mutable {
          while (!mine.empty()) {
            mine.back().data<float>()[0] = 1;
            mine.pop_back();
          }
        });
      }
      for (int i = 0; i < 100; ++i) arena.tensor(DType::f32, {600}).data<float>()[0] = 2;
    }
    for (auto& t : threads) t.join();
  }
  CHECK(live_allocations() == live);
}

TEST_CASE("a request too large is an Error and the arena works on") {
  Arena arena;
  CHECK(error_of([&] { arena.bytes(~size_t{0}); }).code() == ErrorCode::out_of_memory);
  CHECK(error_of([&] { arena.bytes(size_t{1} << 60); }).code() == ErrorCode::out_of_memory);
  CHECK(error_of([&] { arena.tensor(DType::f32, {int64_t{1} << 61}); }).code() ==
        ErrorCode::invalid_argument);
  CHECK(arena.reserved() == 0);
  CHECK(arena.bytes(0)->size() == 0);
}

TEST_CASE("when memory is short, free blocks of other sizes are given up for the request") {
  Arena arena;
  arena.bytes(100000);
  const size_t free_bytes = arena.reserved();
  const FailAllocation failing(1);
  const StorageRef ref = arena.bytes(1000);
  CHECK(failing.hit());
  CHECK(arena.reserved() < free_bytes);
}
