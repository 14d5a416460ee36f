// SPDX-License-Identifier: Apache-2.0
#include "../../../engine/base/storage.h"

#include <doctest/doctest.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <thread>
#include <vector>

#include "../../../engine/base/bytes.h"
#include "../../../engine/base/env.h"
#include "../../allocations.h"
#include "../scratch.h"

using namespace tern;
using namespace tern::test;

namespace {

/// The k-th call of map_file fails; mappings are counted.
class FailingEnv final : public Env {
 public:
  explicit FailingEnv(int k) : countdown_(k) { set_env(this); }
  ~FailingEnv() override { set_env(nullptr); }
  FileMapping map_file(const std::string& path, bool populate) override {
    if (--countdown_ == 0) fail(ErrorCode::io, path + ": made to fail");
    ++mapped;
    return Env::map_file(path, populate);
  }
  FileMapping map_memory(size_t size) override {
    if (--countdown_ == 0) fail(ErrorCode::out_of_memory, "made to fail");
    ++mapped;
    return Env::map_memory(size);
  }
  void unmap(FileMapping mapping) noexcept override {
    --mapped;
    Env::unmap(mapping);
  }
  int mapped = 0;

 private:
  int countdown_;
};

}  // namespace

TEST_CASE("heap bytes are aligned, writable and freed with the last reference") {
  const long before = live_allocations();
  {
    StorageRef a = heap_storage(1000);
    CHECK(reinterpret_cast<uintptr_t>(a->data()) % kAlignment == 0);
    CHECK(a->size() == 1000);
    CHECK_FALSE(a->read_only());
    a->data()[999] = std::byte{1};
    StorageRef b = a;
    StorageRef c = std::move(a);
    CHECK_FALSE(a);
    b = c;
    c = StorageRef();
    CHECK(b->data()[999] == std::byte{1});
    CHECK(live_allocations() == before + 1);
    const StorageRef& self = b;
    b = self;
    CHECK(b->size() == 1000);
  }
  CHECK(live_allocations() == before);
  CHECK(heap_storage(0)->size() == 0);
}

TEST_CASE("a size that no memory can hold is out_of_memory and names the size") {
  for (const size_t size : {std::numeric_limits<size_t>::max(), size_t{1} << 62}) {
    const Error error = error_of([&] { heap_storage(size); });
    CHECK(error.code() == ErrorCode::out_of_memory);
    CHECK(contains(error.what(), std::to_string(size)));
  }
}

TEST_CASE("references may be copied and dropped on many threads") {
  const long before = live_allocations();
  {
    const StorageRef shared = heap_storage(64);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([mine = shared] {
        for (int i = 0; i < 10000; ++i) {
          StorageRef copy = mine;
          StorageRef moved = std::move(copy);
        }
      });
    }
    for (auto& t : threads) t.join();
  }
  CHECK(live_allocations() == before);
}

TEST_CASE("borrowed bytes keep their owner alive, and an owner may be absent") {
  auto owner = std::make_shared<std::string>("bytes");
  const std::weak_ptr<std::string> watch = owner;
  StorageRef ref = borrowed_storage(as_bytes(*owner).data(), owner->size(), owner);
  owner.reset();
  CHECK_FALSE(watch.expired());
  CHECK(ref->read_only());
  ref = StorageRef();
  CHECK(watch.expired());
  CHECK(borrowed_storage(nullptr, 0)->size() == 0);
}

TEST_CASE("a mapped file is read-only and unmapped with the last reference") {
  const Scratch dir;
  const auto file = dir.file("a", "content");
  FailingEnv fake(0);
  StorageRef ref = map_storage(file);
  CHECK(ref->read_only());
  CHECK(as_text({ref->data(), ref->size()}) == "content");
  ref->drop_pages(ref->data(), ref->size());
  CHECK(as_text({ref->data(), ref->size()}) == "content");
  CHECK(fake.mapped == 1);
  ref = StorageRef();
  CHECK(fake.mapped == 0);
}

TEST_CASE("page storage is writable and mapped until its last reference goes; small ones are heap") {
  FailingEnv fake(0);
  constexpr size_t kSize = 1'000'000;
  StorageRef pages = page_storage(kSize);
  CHECK(fake.mapped == 1);
  CHECK(pages->size() == kSize);
  CHECK_FALSE(pages->read_only());
  CHECK(reinterpret_cast<uintptr_t>(pages->data()) % kAlignment == 0);
  pages->data()[kSize - 1] = std::byte{1};
  pages->drop_pages(pages->data(), kSize);  // no file has them
  CHECK(pages->data()[kSize - 1] == std::byte{1});
  const StorageRef small = page_storage(100);
  CHECK(fake.mapped == 1);
  pages = StorageRef();
  CHECK(fake.mapped == 0);
  CHECK(page_storage(0)->size() == 0);
  CHECK(error_of([&] { page_storage(size_t{1} << 62); }).code() == ErrorCode::out_of_memory);
}

namespace {

/// Of the whole pages inside [data, data + size), how many take memory.
size_t resident_pages(const std::byte* data, size_t size) {
  constexpr uintptr_t kPage = 4096;
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(data) + kPage - 1) / kPage * kPage;
  const uintptr_t end = reinterpret_cast<uintptr_t>(data + size) / kPage * kPage;
  std::vector<unsigned char> there((end - begin) / kPage);
  REQUIRE(::mincore(reinterpret_cast<void*>(begin), end - begin, there.data()) == 0);
  return static_cast<size_t>(std::count_if(there.begin(), there.end(), [](int i) { return i & 1; }));
}

}  // namespace

TEST_CASE("weights lie side by side; those that go give back their pages, not their neighbours'") {
  FailingEnv fake(0);
  constexpr size_t kSize = (size_t{3} << 20) + 100;
  std::vector<StorageRef> all;
  for (int i = 0; i < 40; ++i) {
    all.push_back(weight_storage(kSize));
    CHECK(all.back()->size() == kSize);
    CHECK(reinterpret_cast<uintptr_t>(all.back()->data()) % kAlignment == 0);
    std::memset(all.back()->data(), 'a' + i, kSize);
  }
  CHECK(fake.mapped == 4);  // of 32 MB
  CHECK(all[1]->data() == all[0]->data() + kSize / kAlignment * kAlignment + kAlignment);
  const std::byte* const gone = all[1]->data();
  CHECK(resident_pages(gone, kSize) >= kSize / 4096 - 1);
  all[1] = StorageRef();
  CHECK(resident_pages(gone, kSize) == 0);
  for (int i = 0; i < 40; ++i) {
    if (i == 1) continue;
    const std::byte expected{static_cast<unsigned char>('a' + i)};
    const std::byte* const data = all[static_cast<size_t>(i)]->data();
    CHECK(std::all_of(data, data + kSize, [&](std::byte b) { return b == expected; }));
  }
  all.clear();
  CHECK(fake.mapped == 0);

  StorageRef large = weight_storage(size_t{100} << 20), next = weight_storage(1);
  CHECK(fake.mapped == 2);
  large = StorageRef();
  CHECK(fake.mapped == 1);
  CHECK(weight_storage(0)->size() == 0);
  for (const size_t size : {size_t{1} << 62, ~size_t{0}}) {
    CHECK(error_of([&] { weight_storage(size); }).code() == ErrorCode::out_of_memory);
  }
}

TEST_CASE("weights are made and dropped by many threads at once") {
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t, &wrong] {
      for (size_t round = 0; round < 200; ++round) {
        const size_t size = (round * 7919 + static_cast<size_t>(t) * 104729) % 2'000'000 + 1;
        const StorageRef mine = weight_storage(size);
        std::memset(mine->data(), t + 1, size);
        const StorageRef more = weight_storage(size / 2);
        std::memset(more->data(), t + 1, size / 2);
        const std::byte expected{static_cast<unsigned char>(t + 1)};
        wrong += !std::all_of(mine->data(), mine->data() + size,
                              [&](std::byte b) { return b == expected; });
      }
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK(wrong == 0);
}

TEST_CASE("whichever mapping fails, the others are unmapped") {
  const Scratch dir;
  const auto file = dir.file("a", "content");
  for (int k = 1; k <= 4; ++k) {
    FailingEnv fake(k);
    const auto map_three = [&] {
      std::vector<StorageRef> refs;
      for (int i = 0; i < 3; ++i) refs.push_back(map_storage(file));
    };
    if (k <= 3) CHECK(error_of(map_three).code() == ErrorCode::io);
    else map_three();
    CHECK(fake.mapped == 0);
  }
}

TEST_CASE("whichever allocation fails while mapping, nothing stays mapped or allocated") {
  const Scratch dir;
  const auto file = dir.file("a", "content");
  FailingEnv fake(0);
  map_storage(file);
  for (size_t k = 1;; ++k) {
    REQUIRE(k < 100);
    const long before = live_allocations();
    FailAllocation failing(k);
    bool failed = false;
    try {
      map_storage(file);
    } catch (const std::bad_alloc&) {
      failed = true;
    } catch (const Error& error) {
      failed = error.code() == ErrorCode::out_of_memory;
    }
    if (!failing.hit()) break;
    CHECK(failed);
    CHECK(fake.mapped == 0);
    CHECK(live_allocations() == before);
  }
}
