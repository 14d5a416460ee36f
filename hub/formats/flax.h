// SPDX-License-Identifier: Apache-2.0
// Flax's weight files: flax_model.msgpack, as flax.serialization.to_bytes writes it: MessagePack
// maps of maps by names, whose leaves are arrays. An array is an extension of type 1 that holds the
// list [shape, dtype name, bytes]; a scalar one of type 3 that holds the same. An array above 1 GiB
// is a map {"__msgpack_chunked_array__": true, "shape": {"0": n, …}, "chunks": {"0": array, …}} of
// its elements in a row.
// Tensors are views of the file at any alignment; one in several chunks is a copy whose source
// pages are let go as it is made. What is handed out lies inside the file; the lists of names and
// shapes take at most four times the file and 4 MiB; maps lie at most 64 deep.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "../../engine/base/dtype.h"
#include "../../engine/base/storage.h"

namespace tern::hub {

struct FlaxTensor {
  std::string
      name;  // "bert.encoder.layer.0.output.dense.kernel": the maps' names with dots between
  DType dtype;
  std::vector<int64_t> shape;  // rank 0 to 64; row-major
  StorageRef storage;          // the file, or the copy of several chunks
  size_t begin;                // byte of the storage at which the first element lies
};

struct FlaxFile {
  std::vector<FlaxTensor> tensors;       // in the order of the file
  std::vector<std::string> other_names;  // leaves that are no arrays
};

/// `what` names the file in errors. corrupt for a name that occurs twice.
TERN_API FlaxFile open_flax(StorageRef storage, std::string_view what);

}  // namespace tern::hub
