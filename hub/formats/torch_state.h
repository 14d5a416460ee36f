// SPDX-License-Identifier: Apache-2.0
// From the values of a pickle to the tensors of a state dict: which storage each lies on, where in
// it, with which shape and strides. Called by torch_file.cpp, which knows where storages lie.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "torch_globals.h"

namespace tern::hub {

/// ('storage', type, key, location, numel[, view]) of a persistent id.
struct TorchStorage {
  std::string_view key;  // at most 255 bytes
  DType dtype;
  bool untyped;  // numel counts bytes
  uint64_t numel;
  uint64_t view_offset = 0, view_numel = 0;  // in elements; the whole unless it is a view of it

  uint64_t element_bytes() const noexcept { return bits(dtype) / 8; }
};

/// A tensor as the state dict names it. The strides are in elements; its elements are known to lie
/// inside the storage (or the view of it).
struct TorchStateTensor {
  std::string_view name;
  TorchStorage storage;
  DType dtype;
  uint64_t offset;                      // bytes from the start of the storage
  std::vector<int64_t> shape, strides;  // strides empty when dense (row-major)
};

struct TorchState {
  std::vector<TorchStateTensor> tensors;      // in the order of the dict
  std::vector<std::string_view> other_names;  // of entries that are no tensors
};

/// The tensors of `pickle`, whose root must be a dict of names. `file_size` bounds what they may
/// take together: four times the file and 1 MiB. corrupt names the tensor.
TorchState read_torch_state(const Pickle& pickle, uint64_t file_size, std::string_view what);

/// The storage that a persistent value names; corrupt when it is none.
TorchStorage read_torch_storage(const Pickle& pickle, Pickle::Value persistent,
                                std::string_view what);

}  // namespace tern::hub
