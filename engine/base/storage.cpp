// SPDX-License-Identifier: Apache-2.0
// The three plain kinds of Storage. Heap: one allocation, [object | padding to 64 | bytes]. Mapped
// file: the Env's mapping, released through the Env in force. Borrowed: the caller's bytes and,
// optionally, what keeps them alive. Arena blocks are in engine/memory.cpp.
#include "storage.h"

#include <limits>
#include <new>

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

class MappedStorage final : public Storage {
 public:
  explicit MappedStorage(FileMapping mapping)
      : Storage(const_cast<std::byte*>(mapping.data), mapping.size) {}
  ~MappedStorage() override { env().unmap({data_, size_}); }
  bool read_only() const noexcept override { return true; }
  void drop_pages(const std::byte* data, size_t size) const noexcept override {
    env().drop_pages(data, size);
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

}  // namespace

StorageRef heap_storage(size_t size) { return HeapStorage::make(size); }

StorageRef map_storage(const std::string& path, bool populate) {
  const FileMapping mapping = env().map_file(path, populate);
  auto* storage = new (std::nothrow) MappedStorage(mapping);
  if (!storage) {
    env().unmap(mapping);
    fail(ErrorCode::out_of_memory, cat(path, ": no memory left for the record of its mapping"));
  }
  return StorageRef(storage);
}

StorageRef borrowed_storage(const std::byte* data, size_t size, std::shared_ptr<const void> owner) {
  return StorageRef(new BorrowedStorage(data, size, std::move(owner)));
}

}  // namespace tern
