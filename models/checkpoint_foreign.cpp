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

namespace {

/// Models with batch statistics keep two collections of variables.
bool in_collection(std::string_view name) {
  return name.starts_with("params.") || name.starts_with("batch_stats.");
}

}  // namespace

void Checkpoint::add_flax(const hub::Repo& repo, const std::string& file) {
  const std::string path = repo.path(file);
  const hub::FlaxFile opened = hub::open_flax(map(repo, file), path);
  const bool collections =
      std::all_of(opened.tensors.begin(), opened.tensors.end(),
                  [](const hub::FlaxTensor& tensor) { return in_collection(tensor.name); });
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
  for (const hub::KerasTensor& entry : hub::open_keras_weights(map(repo, file), path)) {
    auto [name, order] = name_from_tensorflow(entry.name, entry.shape.size());
    const Shape shape = checkpoint_shape(entry.shape, entry.name, path);
    const Tensor tensor(entry.storage, entry.dtype, shape, entry.begin);
    entries_.push_back({std::move(name), with_axes(tensor, order), {}, true});
  }
}

std::string entry_name(std::string_view listed, std::string_view shard) {
  std::string name(listed);
  if (shard.ends_with(".h5")) return name_from_tensorflow(name, 0).name;
  if (!shard.ends_with(".msgpack")) return name;
  std::replace(name.begin(), name.end(), '/', '.');
  if (in_collection(name)) name.erase(0, name.find('.') + 1);
  return name_from_flax(name, 0).name;
}

}  // namespace tern
