// SPDX-License-Identifier: Apache-2.0
// JsonMemory: the blocks that a tree of Json lies in, filled from the front and freed together.
// While a tree is made it belongs to a JsonMemory; finish() hands it over to the outermost value.
#pragma once

#include <cstddef>
#include <cstring>
#include <limits>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "json.h"

namespace tern::hub {

class JsonMemory {
 public:
  JsonMemory() = default;
  JsonMemory(const JsonMemory&) = delete;
  JsonMemory& operator=(const JsonMemory&) = delete;
  ~JsonMemory() { free_blocks(first_); }

  /// Uninitialised bytes, aligned for values.
  void* take(size_t bytes);
  /// Room for `count` values or members, each of which must be constructed.
  template <class T>
  T* take_array(size_t count) {
    static_assert(std::is_same_v<T, Json> || std::is_same_v<T, Json::Member>);
    if (count > std::numeric_limits<size_t>::max() / 2 / sizeof(T)) throw std::bad_alloc();
    return static_cast<T*>(take(count * sizeof(T)));
  }
  /// A stack of values or members whose memory can become part of the tree.
  template <class T>
  class Stack;

  std::string_view copy(std::string_view text) {
    if (text.empty()) return {};
    return {static_cast<char*>(std::memcpy(take(text.size()), text.data(), text.size())),
            text.size()};
  }

  /// The tree of `value` becomes part of this one; returns what points into it.
  Json adopt(Json value) noexcept;
  /// `value`, made here, as the owner of everything made here.
  Json finish(const Json& value);

  /// A value that points where `value` does; to be used while that memory lives.
  static Json view(const Json& value) noexcept {
    return Json(value.kind(), value.data(), value.size());
  }

 private:
  friend class Json;
  struct Block {
    Block* next;
    size_t size, used;  // of the bytes behind this
  };
  struct Root {
    const void* data;  // of the outermost value
    Block *first, *last;
  };
  static Block* new_block(size_t size);
  static void free_blocks(Block* first) noexcept;
  void keep(Block* block) noexcept;

  Block *first_ = nullptr, *last_ = nullptr;  // the first one has room
};

template <class T>
class JsonMemory::Stack {
 public:
  static_assert(std::is_same_v<T, Json> || std::is_same_v<T, Json::Member>);
  Stack() = default;
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;
  ~Stack() { free_blocks(block_); }

  size_t size() const noexcept { return size_; }
  T& back() noexcept { return items_[size_ - 1]; }
  void reserve(size_t count) {
    if (count > capacity_) free_blocks(move_to(new_block(bytes_of(count)), count));
  }
  template <class... Arguments>
  void emplace_back(Arguments&&... arguments) {
    if (size_ == capacity_) reserve(capacity_ < 8 ? 16 : 2 * capacity_);
    new (items_ + size_) T(std::forward<Arguments>(arguments)...);
    ++size_;
  }
  /// Removes all but the first `below`, which lie in `memory` from then on. Many are not copied:
  /// the stack begins anew.
  const T* take_from(size_t below, JsonMemory& memory) {
    const size_t count = size_ - below;
    if (count >= kMany && below <= count) {
      const T* const taken = items_ + below;
      size_ = below;
      const size_t capacity = 2 * below + 16;
      memory.keep(move_to(new_block(bytes_of(capacity)), capacity));
      return taken;
    }
    T* const taken = memory.take_array<T>(count);
    if (count != 0) {
      std::memcpy(static_cast<void*>(taken), static_cast<const void*>(items_ + below),
                  count * sizeof(T));
    }
    size_ = below;
    return taken;
  }

 private:
  static constexpr size_t kMany = 4096;
  static size_t bytes_of(size_t count) {
    if (count > std::numeric_limits<size_t>::max() / 2 / sizeof(T)) throw std::bad_alloc();
    return count * sizeof(T);
  }
  /// Values of a stack own nothing: their bytes may be moved. Returns the old block.
  Block* move_to(Block* block, size_t capacity) noexcept {
    T* const items = static_cast<T*>(static_cast<void*>(block + 1));
    if (size_ != 0) {
      std::memcpy(static_cast<void*>(items), static_cast<const void*>(items_), size_ * sizeof(T));
    }
    items_ = items, capacity_ = capacity;
    return std::exchange(block_, block);
  }

  Block* block_ = nullptr;
  T* items_ = nullptr;
  size_t size_ = 0, capacity_ = 0;
};

}  // namespace tern::hub
