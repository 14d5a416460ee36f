// SPDX-License-Identifier: Apache-2.0
// The globals that a PyTorch state dict may name: the containers, the functions that put a tensor
// on a storage, the storages and the dtypes. Whatever is not here is denied; nothing here is ever
// run.
#pragma once

#include <span>

#include "../../engine/base/dtype.h"
#include "pickle.h"

namespace tern::hub {

/// What a global stands for.
struct TorchGlobal {
  enum class Role : uint8_t {
    ordered_dict,
    tensor,     // _rebuild_tensor(storage, offset, size, stride)
    tensor_v2,  // … (…, requires_grad, backward_hooks[, metadata])
    tensor_v3,  // … (…, requires_grad, backward_hooks, dtype[, metadata])
    parameter,  // _rebuild_parameter(tensor, requires_grad, backward_hooks[, state])
    size,       // torch.Size(tuple)
    device,     // torch.device(name)
    storage,
    dtype,    // of `type`
    untyped,  // a storage of bytes
  };
  Role role;
  DType type = DType::u8;
};

/// For PickleInput::globals.
std::span<const PickleGlobal> torch_pickle_globals();
/// By the index that Pickle::global gives.
const TorchGlobal& torch_global(size_t index);

}  // namespace tern::hub
