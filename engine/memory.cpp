// SPDX-License-Identifier: Apache-2.0
// Arena: blocks [Block | padding to 64 | bytes] on a free list, taken by best fit. Two rules bound
// the waste: a block serves only requests of at least half its capacity, and when a new block lifts
// what is held above twice the highest demand seen (+ 1 MiB), the free blocks unused for longest go
// back to the system. A block in use keeps the pool alive and a free one does not, so blocks may
// outlive the arena.
#include "memory.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <mutex>
#include <new>

#include "base/format.h"

namespace tern {

namespace {

constexpr size_t kHeader = kAlignment;
constexpr size_t kSmallest = 4096;
constexpr size_t kSlack = size_t{1} << 20;

/// Eighths of a power of two, so that batches of nearly equal size share blocks; 0 when too large.
size_t capacity_for(size_t size) {
  if (size > std::numeric_limits<size_t>::max() / 4) return 0;
  const size_t wanted = std::max(size, kSmallest);
  const size_t step = std::bit_floor(wanted) / 8;
  return (wanted + step - 1) / step * step;
}

class BlockPool;

class Block final : public Storage {
 public:
  static Block* make(size_t capacity) {
    void* memory = ::operator new(kHeader + capacity, std::align_val_t(kAlignment), std::nothrow);
    if (!memory) return nullptr;
    return new (memory) Block(static_cast<std::byte*>(memory) + kHeader, capacity);
  }
  static void destroy(Block* block) noexcept {
    block->~Block();
    ::operator delete(static_cast<void*>(block), std::align_val_t(kAlignment));
  }
  StorageRef hand_out(size_t size, std::shared_ptr<BlockPool> pool) noexcept {
    size_ = size;
    pool_ = std::move(pool);
    return StorageRef(this);
  }

  const size_t capacity;
  Block* next = nullptr;  // in the free list

 private:
  Block(std::byte* data, size_t bytes) : Storage(data, 0), capacity(bytes) {
    static_assert(sizeof(Block) <= kHeader);
  }
  ~Block() override = default;
  void release() noexcept override;

  std::shared_ptr<BlockPool> pool_;  // set while in use
};

class BlockPool : public std::enable_shared_from_this<BlockPool> {
 public:
  ~BlockPool() { trim(0); }

  StorageRef take(size_t size) {
    const std::lock_guard lock(mutex_);
    Block* block = unlink_best_fit(size);
    if (!block) block = make(size);
    in_use_ += block->capacity;
    peak_ = std::max(peak_, in_use_);
    return block->hand_out(size, shared_from_this());
  }

  void give_back(Block* block) noexcept {
    const std::lock_guard lock(mutex_);
    in_use_ -= block->capacity;
    if (closed_) {
      reserved_ -= block->capacity;
      Block::destroy(block);
      return;
    }
    block->next = free_;
    free_ = block;
  }

  void close() noexcept {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    trim(0);
  }
  void give_all_to_system() noexcept {
    const std::lock_guard lock(mutex_);
    trim(0);
    peak_ = in_use_;
  }
  size_t reserved() const noexcept {
    const std::lock_guard lock(mutex_);
    return reserved_;
  }

 private:
  Block* unlink_best_fit(size_t size) noexcept {
    Block** best = nullptr;
    for (Block** link = &free_; *link; link = &(*link)->next) {
      const size_t capacity = (*link)->capacity;
      if (capacity < size || capacity / 2 > std::max(size, kSmallest)) continue;
      if (!best || capacity < (*best)->capacity) best = link;
    }
    if (!best) return nullptr;
    Block* block = *best;
    *best = block->next;
    return block;
  }

  Block* make(size_t size) {
    const size_t capacity = capacity_for(size);
    Block* block = capacity ? Block::make(capacity) : nullptr;
    if (!block && capacity) {  // free blocks of other sizes may be what is missing
      trim(0);
      block = Block::make(capacity);
    }
    if (!block) {
      fail(ErrorCode::out_of_memory, cat("cannot allocate ", size, " bytes for an activation; ",
                                         reserved_, " bytes are held already"));
    }
    reserved_ += capacity;
    const size_t limit = 2 * std::max(peak_, in_use_ + capacity) + kSlack;
    if (reserved_ > limit) trim(limit);
    return block;
  }

  /// Destroys free blocks, those at the end of the list (unused for longest) first, until no more
  /// than `limit` bytes are held.
  void trim(size_t limit) noexcept {
    Block* oldest_first = nullptr;
    while (free_) {
      Block* block = std::exchange(free_, free_->next);
      block->next = std::exchange(oldest_first, block);
    }
    while (oldest_first) {
      Block* block = std::exchange(oldest_first, oldest_first->next);
      if (reserved_ > limit) {
        reserved_ -= block->capacity;
        Block::destroy(block);
      } else {
        block->next = std::exchange(free_, block);
      }
    }
  }

  mutable std::mutex mutex_;
  Block* free_ = nullptr;  // given back last, first in the list
  bool closed_ = false;
  size_t reserved_ = 0;
  size_t in_use_ = 0;
  size_t peak_ = 0;  // of in_use_
};

void Block::release() noexcept {
  // The last block of a dead arena destroys the pool with this variable, after give_back.
  const std::shared_ptr<BlockPool> pool = std::move(pool_);
  pool->give_back(this);
}

}  // namespace

struct Arena::State final : BlockPool {};

Arena::Arena() : state_(std::make_shared<State>()) {}
Arena::~Arena() { state_->close(); }

StorageRef Arena::bytes(size_t size) { return state_->take(size); }
size_t Arena::reserved() const noexcept { return state_->reserved(); }
void Arena::trim() noexcept { state_->give_all_to_system(); }

Tensor Arena::tensor(DType dtype, Shape shape) {
  const auto size = shape.bytes(dtype);
  if (!size) {
    fail(ErrorCode::invalid_argument,
         cat("an activation of shape ", shape.to_string(), " and type ", to_string(dtype),
             " has no representable size in bytes"));
  }
  return Tensor(bytes(*size), dtype, shape);
}

}  // namespace tern
