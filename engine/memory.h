// SPDX-License-Identifier: Apache-2.0
// Arena: the memory of one Context's activations. A block goes back to the arena when the last
// Tensor on it is dropped, and the next tensor of about that size takes it: after the first forward
// pass of a size nothing is allocated. allocate() belongs to the Context's thread; blocks may be
// dropped on any thread, also after the arena is gone.
#pragma once

#include <cstddef>
#include <memory>

#include "base/storage.h"
#include "tensor.h"

namespace tern {

class TERN_API Arena {
 public:
  Arena();
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// An uninitialised dense tensor on an arena block, 64-byte aligned.
  Tensor tensor(DType dtype, Shape shape);
  /// Uninitialised bytes.
  StorageRef bytes(size_t size);
  /// Bytes held from the system, in use or free.
  size_t reserved() const noexcept;
  /// Gives free blocks back to the system.
  void trim() noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tern
