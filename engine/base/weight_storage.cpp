// SPDX-License-Identifier: Apache-2.0
// Weights in large pages. A decoder reads all of its weights for each token, and Linux gives a
// mapping's whole 2 MiB only: most matrices of a small model are smaller, so they share slabs, one
// behind the other. A slab goes back to the system with the last of its matrices; the pages of one
// that goes before are given back at once, so that what stays never costs more than it holds.
#include <limits>
#include <mutex>

#include "env.h"
#include "error.h"
#include "huge_pages.h"
#include "storage.h"

namespace tern {

namespace {

constexpr size_t kSlab = size_t{32} << 20;
/// Larger ones have a slab of their own: sharing would leave much of the slab before it unused.
constexpr size_t kShared = kSlab / 4;

class Slab {
 public:
  explicit Slab(size_t bytes) : pages_(bytes), size_(bytes) {}

  /// Null where it is full. Not thread-safe.
  std::byte* take(size_t bytes) noexcept {
    if (bytes > size_ - used_) return nullptr;
    std::byte* const begin = static_cast<std::byte*>(pages_.data()) + used_;
    used_ += bytes;
    return begin;
  }

 private:
  ZeroedPages pages_;
  size_t size_, used_ = 0;
};

class SlabStorage final : public Storage {
 public:
  SlabStorage(std::byte* data, size_t size, std::shared_ptr<Slab> slab)
      : Storage(data, size), slab_(std::move(slab)) {}
  ~SlabStorage() override {
    if (slab_.use_count() > 1) env().drop_pages(data_, size_);
  }

 private:
  std::shared_ptr<Slab> slab_;
};

/// The slab that the next small matrix goes to, as long as one of its matrices lives.
struct OpenSlab {
  std::mutex mutex;
  std::weak_ptr<Slab> slab;
};

OpenSlab& open_slab() {
  static OpenSlab open;
  return open;
}

StorageRef in_shared_slab(size_t size, size_t rounded) {
  OpenSlab& open = open_slab();
  const std::lock_guard lock(open.mutex);
  std::shared_ptr<Slab> slab = open.slab.lock();
  std::byte* data = slab ? slab->take(rounded) : nullptr;
  if (!data) {
    slab = std::make_shared<Slab>(kSlab);
    data = slab->take(rounded);
    open.slab = slab;
  }
  return StorageRef(new SlabStorage(data, size, std::move(slab)));
}

}  // namespace

StorageRef weight_storage(size_t size) {
  constexpr size_t kPage = HugePages<std::byte>::kPage;
  if (size > std::numeric_limits<size_t>::max() - 2 * kPage) {
    fail(ErrorCode::out_of_memory, "cannot allocate " + std::to_string(size) + " bytes of weights");
  }
  const size_t rounded = (size + kAlignment - 1) / kAlignment * kAlignment;
  if (rounded <= kShared) return in_shared_slab(size, rounded);
  auto slab = std::make_shared<Slab>(rounded);
  std::byte* const data = slab->take(rounded);
  return StorageRef(new SlabStorage(data, size, std::move(slab)));
}

}  // namespace tern
