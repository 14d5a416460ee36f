// SPDX-License-Identifier: Apache-2.0
// The plain kinds of Storage. Heap: one allocation, [object | padding to 64 | bytes]. Pages and
// mapped file: the Env's mapping, released through the Env in force. Borrowed: the caller's bytes
// and, optionally, what keeps them alive. Arena blocks are in engine/memory.cpp.
#include "storage.h"

#include <limits>
#include <new>
#include <string_view>

#include "env.h"
#include "error.h"
#include "format.h"

namespace tern {

namespace {

class HeapStorage final : public Storage {
 public:
  static StorageRef make(size_t size) {
    void* memory = nullptr;
    if (size <= std::numeric_limits<size_t>::max() - kHeader) {
      memory = ::operator new(kHeader + size, std::align_val_t(kAlignment), std::nothrow);
    }
    if (!memory) {
      fail(ErrorCode::out_of_memory, cat("cannot allocate ", size, " bytes for a tensor"));
    }
    return StorageRef(new (memory) HeapStorage(static_cast<std::byte*>(memory) + kHeader, size));
  }

 private:
  static constexpr size_t kHeader = kAlignment;

  HeapStorage(std::byte* data, size_t size) : Storage(data, size) {
    static_assert(sizeof(HeapStorage) <= kHeader);
  }
  void release() noexcept override {
    this->~HeapStorage();
    ::operator delete(static_cast<void*>(this), std::align_val_t(kAlignment));
  }
};

class PageStorage : public Storage {
 public:
  explicit PageStorage(FileMapping mapping)
      : Storage(const_cast<std::byte*>(mapping.data), mapping.size) {}
  ~PageStorage() override { env().unmap({data_, size_}); }
};

class MappedStorage final : public PageStorage {
 public:
  using PageStorage::PageStorage;
  bool read_only() const noexcept override { return true; }
  void drop_pages(const std::byte* data, size_t size) const noexcept override {
    env().drop_pages(data, size);
  }
  void prefetch(const std::byte* data, size_t size) const noexcept override {
    env().prefetch(data, size);
  }
  bool populate(const std::byte* data, size_t size) const noexcept override {
    return env().populate(data, size);
  }
};

class BorrowedStorage final : public Storage {
 public:
  BorrowedStorage(const std::byte* data, size_t size, std::shared_ptr<const void> owner)
      : Storage(const_cast<std::byte*>(data), size), owner_(std::move(owner)) {}
  bool read_only() const noexcept override { return true; }

 private:
  std::shared_ptr<const void> owner_;
};

template <class Owner>
StorageRef owner_of(FileMapping mapping, std::string_view what) {
  auto* storage = new (std::nothrow) Owner(mapping);
  if (!storage) {
    env().unmap(mapping);
    fail(ErrorCode::out_of_memory, cat(what, ": no memory left for the record of its mapping"));
  }
  return StorageRef(storage);
}

}  // namespace

StorageRef heap_storage(size_t size) { return HeapStorage::make(size); }

StorageRef page_storage(size_t size) {
  constexpr size_t kLeast = size_t{64} << 10;
  if (size < kLeast) return heap_storage(size);
  return owner_of<PageStorage>(env().map_memory(size), "a tensor");
}

StorageRef map_storage(const std::string& path, bool populate) {
  return owner_of<MappedStorage>(env().map_file(path, populate), path);
}

StorageRef borrowed_storage(const std::byte* data, size_t size, std::shared_ptr<const void> owner) {
  return StorageRef(new BorrowedStorage(data, size, std::move(owner)));
}

}  // namespace tern
