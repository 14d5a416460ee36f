// SPDX-License-Identifier: Apache-2.0
// TensorFlow's weight files: tf_model.h5, an HDF5 file as Keras and Transformers write them. The
// root's attribute layer_names lists groups whose attribute weight_names lists their datasets; in a
// shard of a larger model layer_names lists the datasets themselves.
// libhdf5 is not hardened, so it never runs in this process: a forked child with limits reads the
// names, and what it says is checked here. Datasets that lie in one piece, little-endian, are views
// of the file at any alignment; others (chunked, compressed, big-endian) the child writes to memory
// that it shares with this process. What is handed out lies inside the file or that memory; the
// lists take at most four times the file and 4 MiB, the shared memory at most four times the file,
// the child besides 64 MiB and four times the file.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "../../engine/base/dtype.h"
#include "../../engine/base/storage.h"

namespace tern::hub {

struct KerasTensor {
  /// The variable's, "tf_bert_model/bert/pooler/dense/kernel:0", once each: the first when several
  /// layers share it.
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;  // rank 0 to 32; row-major
  StorageRef storage;          // the file, or what the child read
  size_t begin;                // byte of the storage at which the first element lies
};

struct Hdf5Limits {
  /// Until it is killed: 20 seconds and one for each 20 MB unless given.
  std::chrono::milliseconds time{0};
};

/// Whether this build has HDF5.
TERN_API bool reads_hdf5() noexcept;

/// `what` names the file in errors. unsupported in a build without HDF5 and where libhdf5 cannot be
/// loaded or no process be confined; corrupt when the file is no such file or libhdf5 fails or
/// crashes on it; deadline when it takes too long.
TERN_API std::vector<KerasTensor> open_keras_weights(StorageRef storage, std::string_view what,
                                                     const Hdf5Limits& limits = {});

}  // namespace tern::hub
