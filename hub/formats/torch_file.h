// SPDX-License-Identifier: Apache-2.0
// PyTorch's weight files: pytorch_model.bin as torch.save writes it, a zip archive of a pickle and
// one record per storage, or (before 1.6) a row of pickles followed by the storages. The pickle is
// read as data (pickle.h): a file that names anything but tensors is Error denied, and nothing is
// ever run. Tensors are views of the file at any alignment; those that share a storage share its
// bytes. What is handed out lies inside the file; all tensors together are at most four times the
// file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "../../engine/base/dtype.h"
#include "../../engine/base/storage.h"

namespace tern::hub {

struct TorchTensor {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;    // rank 0 to 64
  std::vector<int64_t> strides;  // in elements; empty when dense (row-major)
  StorageRef storage;            // the file; for a big-endian file its bytes turned round
  size_t begin;                  // byte of the storage at which the first element lies
};

struct TorchFile {
  std::vector<TorchTensor> tensors;      // in the order of the state dict
  std::vector<std::string> other_names;  // entries of the state dict that are no tensors
};

/// `what` names the file in errors.
TERN_API TorchFile open_torch_file(StorageRef storage, std::string_view what);
TERN_API TorchFile open_torch_file(const std::string& path);

/// corrupt when any record of the zip form has another checksum than its directory says. Reads the
/// whole file. The older form has none.
TERN_API void check_torch_file(const Storage& storage, std::string_view what);

}  // namespace tern::hub
