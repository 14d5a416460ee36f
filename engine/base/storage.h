// SPDX-License-Identifier: Apache-2.0
// Storage: bytes with an owner. Tensors share it by reference count; which kind it is (heap, a
// mapped file, an arena block, the caller's memory) shows only in how it is released.
// The count is atomic: references may be copied and dropped on any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "api.h"

namespace tern {

class TERN_API Storage {
 public:
  std::byte* data() const noexcept { return data_; }
  size_t size() const noexcept { return size_; }
  /// True when the bytes belong to a file mapping and must not be written.
  virtual bool read_only() const noexcept { return false; }
  /// For file mappings: give back the physical pages inside [data, data + size). Else nothing.
  virtual void drop_pages(const std::byte* /*data*/, size_t /*size*/) const noexcept {}
  /// For file mappings: read the pages of [data, data + size) in at once; false when the file was
  /// truncated or its disk fails. Else true.
  [[nodiscard]] virtual bool populate(const std::byte* /*data*/, size_t /*size*/) const noexcept {
    return true;
  }

  /// For file mappings: ask for these pages without waiting for them. Else nothing.
  virtual void prefetch(const std::byte* /*data*/, size_t /*size*/) const noexcept {}

  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

 protected:
  Storage(std::byte* data, size_t size) : data_(data), size_(size) {}
  virtual ~Storage() = default;
  /// Called when the last reference goes; the default deletes the object.
  virtual void release() noexcept { delete this; }

  std::byte* data_;
  size_t size_;

 private:
  friend class StorageRef;
  std::atomic<uint32_t> references_{0};
};

/// An intrusive shared pointer; making or copying one never allocates.
class StorageRef {
 public:
  StorageRef() = default;
  explicit StorageRef(Storage* storage) noexcept : storage_(storage) { acquire(); }
  StorageRef(const StorageRef& other) noexcept : storage_(other.storage_) { acquire(); }
  StorageRef(StorageRef&& other) noexcept : storage_(std::exchange(other.storage_, nullptr)) {}
  StorageRef& operator=(StorageRef other) noexcept {
    std::swap(storage_, other.storage_);
    return *this;
  }
  ~StorageRef() {
    if (storage_ && storage_->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      storage_->release();
    }
  }

  Storage* operator->() const noexcept { return storage_; }
  Storage& operator*() const noexcept { return *storage_; }
  explicit operator bool() const noexcept { return storage_ != nullptr; }

 private:
  void acquire() noexcept {
    if (storage_) storage_->references_.fetch_add(1, std::memory_order_relaxed);
  }
  Storage* storage_ = nullptr;
};

/// Alignment of every heap and arena buffer: a cache line and a zmm register.
inline constexpr size_t kAlignment = 64;

/// Uninitialised heap bytes, 64-byte aligned. Error out_of_memory names the size.
TERN_API StorageRef heap_storage(size_t size);
/// The same for what is large and does not live long, such as the copy of a weight that is packed
/// next: pages of its own (but for sizes below 64 KiB), which the system has back when it is
/// released. The heap would keep them, as a hole that the next copy may not fit in.
TERN_API StorageRef page_storage(size_t size);
/// The same for weights that stay: together in large pages where the system has them, which are read
/// faster (bench/kernels/gemm.cpp: memory, huge). May be made and dropped on any thread.
TERN_API StorageRef weight_storage(size_t size);
/// A whole file, mapped read-only (Env::map_file). Without `populate` the reader calls
/// Storage::populate for the parts it is going to read.
TERN_API StorageRef map_storage(const std::string& path, bool populate = true);
/// Bytes of the caller, kept alive by `owner` (may be null when they outlive everything).
TERN_API StorageRef borrowed_storage(const std::byte* data, size_t size,
                                     std::shared_ptr<const void> owner = nullptr);

}  // namespace tern
