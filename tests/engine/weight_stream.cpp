// SPDX-License-Identifier: Apache-2.0
// The memory that products of weights on disk have in turn.
#include "../../engine/weight_stream.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "../../engine/base/storage.h"

using namespace tern;

TEST_CASE("a stream lends the same memory again, and never the same to two") {
  constexpr size_t kSmall = 100, kLarge = size_t{12} << 20;
  StorageRef kept;
  {
    WeightStream stream;
    StorageRef first = stream.room(kLarge);
    const std::byte* const place = first->data();
    CHECK(first->size() == kLarge);
    CHECK(reinterpret_cast<uintptr_t>(place) % kAlignment == 0);
    StorageRef other = stream.room(kLarge);
    CHECK(other->data() != place);
    other = {};
    first = {};
    // Whatever of both was kept: one of them, and for smaller ones, too.
    first = stream.room(kSmall);
    CHECK(first->size() == kSmall);
    const std::byte* const again = first->data();
    first = {};
    first = stream.room(kLarge);
    CHECK(first->data() == again);
    first = {};
    CHECK(stream.room(2 * kLarge)->size() == 2 * kLarge);
    kept = stream.room(kSmall);
    CHECK(stream.room(kSmall)->data() != kept->data());
  }
  std::memset(kept->data(), 1, kept->size());  // what is held outlives the stream
}

TEST_CASE("threads that ask one stream at once write into memory of their own") {
  WeightStream stream;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 1; t <= 4; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < 200; ++round) {
        const StorageRef room = stream.room(static_cast<size_t>(1000 * t + round));
        std::memset(room->data(), t, room->size());
        for (size_t i = 0; i < room->size(); ++i)
          wrong += room->data()[i] != static_cast<std::byte>(t);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}
