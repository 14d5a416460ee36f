// SPDX-License-Identifier: Apache-2.0
// Checkpoint: the tensors of Flax's and TensorFlow's weight files, by PyTorch's names and with its
// axes, as views of the file.
#include <algorithm>

#include "../hub/formats/flax.h"
#include "../hub/formats/hdf5.h"
#include "checkpoint_file.h"
#include "foreign_names.h"
#include "weights.h"

namespace tern {

void Checkpoint::add_flax(const hub::Repo& repo, const std::string& file) {
  const std::string path = repo.path(file);
  const hub::FlaxFile opened = hub::open_flax(repo.map(file), path);
  // Models with batch statistics keep two collections of variables: params and batch_stats.
  const auto in_collection = [](const hub::FlaxTensor& tensor) {
    return tensor.name.starts_with("params.") || tensor.name.starts_with("batch_stats.");
  };
  const bool collections = std::all_of(opened.tensors.begin(), opened.tensors.end(), in_collection);
  for (const hub::FlaxTensor& entry : opened.tensors) {
    std::string_view stored = entry.name;
    if (collections) stored.remove_prefix(stored.find('.') + 1);
    auto [name, order] = name_from_flax(stored, entry.shape.size());
    const Shape shape = checkpoint_shape(entry.shape, entry.name, path);
    const Tensor tensor(entry.storage, entry.dtype, shape, entry.begin);
    entries_.push_back({std::move(name), with_axes(tensor, order)});
  }
  warn_no_tensor(path, opened.other_names);
}

void Checkpoint::add_tensorflow(const hub::Repo& repo, const std::string& file) {
  const std::string path = repo.path(file);
  for (const hub::KerasTensor& entry : hub::open_keras_weights(repo.map(file), path)) {
    auto [name, order] = name_from_tensorflow(entry.name, entry.shape.size());
    const Shape shape = checkpoint_shape(entry.shape, entry.name, path);
    const Tensor tensor(entry.storage, entry.dtype, shape, entry.begin);
    entries_.push_back({std::move(name), with_axes(tensor, order), {}, true});
  }
}

}  // namespace tern
