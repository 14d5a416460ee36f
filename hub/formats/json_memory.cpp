// SPDX-License-Identifier: Apache-2.0
#include "json_memory.h"

#include <algorithm>

#include "../../engine/base/huge_pages.h"

namespace tern::hub {

// Values are never destroyed one by one.
static_assert(sizeof(Json) == 16 && sizeof(Json::Member) == 32);

void* JsonMemory::take(size_t bytes) {
  constexpr size_t kSmallest = 64, kLargest = size_t{1} << 20;
  if (bytes > std::numeric_limits<size_t>::max() / 2) throw std::bad_alloc();
  const size_t rounded = (bytes + alignof(Json) - 1) / alignof(Json) * alignof(Json);
  if (!first_ || first_->size - first_->used < rounded) {
    if (rounded > kLargest / 2) {
      Block* const own = new_block(rounded);
      keep(own);
      return own + 1;
    }
    const size_t usual = first_ ? std::min(2 * first_->size, kLargest) : kSmallest;
    Block* const block = new_block(std::max(rounded, usual));
    block->next = first_;
    block->used = 0;
    first_ = block;
    if (!last_) last_ = block;
  }
  auto* const begin = reinterpret_cast<std::byte*>(first_ + 1) + first_->used;
  first_->used += rounded;
  return begin;
}

/// A full block.
JsonMemory::Block* JsonMemory::new_block(size_t size) {
  void* const memory = HugePages<std::byte>().allocate(sizeof(Block) + size);
  return new (memory) Block{nullptr, size, size};
}

/// Behind the block that has room.
void JsonMemory::keep(Block* block) noexcept {
  Block*& before = first_ ? first_->next : first_;
  block->next = before;
  before = block;
  if (!block->next) last_ = block;
}

void JsonMemory::free_blocks(Block* first) noexcept {
  while (first) {
    Block* const next = first->next;
    HugePages<std::byte>().deallocate(reinterpret_cast<std::byte*>(first),
                                      sizeof(Block) + first->size);
    first = next;
  }
}

Json JsonMemory::adopt(Json value) noexcept {
  const Json inside = view(value);
  if ((value.tag_ & Json::kOwns) != 0) {
    const Root root = *static_cast<const Root*>(value.data_);
    if (first_) {
      root.last->next = first_->next;
      first_->next = root.first;
      if (last_ == first_) last_ = root.last;
    } else {
      first_ = root.first;
      last_ = root.last;
    }
    value.tag_ = 0;
  }
  return view(inside);
}

Json JsonMemory::finish(const Json& value) {
  Json out = view(value);
  auto* const root = static_cast<Root*>(take(sizeof(Root)));
  *root = {out.data_, first_, last_};
  first_ = last_ = nullptr;
  out.data_ = root;
  out.tag_ |= Json::kOwns;
  return out;
}

const void* Json::data() const noexcept {
  return (tag_ & kOwns) != 0 ? static_cast<const JsonMemory::Root*>(data_)->data : data_;
}

void Json::release() noexcept {
  JsonMemory::free_blocks(static_cast<const JsonMemory::Root*>(data_)->first);
}

}  // namespace tern::hub
