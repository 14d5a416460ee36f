// SPDX-License-Identifier: Apache-2.0
// Checkpoint: the weight files of a repository in Transformers' order: safetensors before pickle,
// one file before shards; TensorFlow's and Flax's before these, but only when they are asked for.
// Tensors are views of the mappings.
#include <algorithm>
#include <set>
#include <unordered_map>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "../engine/base/log.h"
#include "../hub/formats/safetensors.h"
#include "../hub/formats/torch_file.h"
#include "checkpoint_file.h"
#include "gguf_source.h"
#include "key_names.h"
#include "prequantized_weight.h"

namespace tern {

namespace {

using hub::WeightFiles;

struct Form {
  const char* file;
  WeightFiles kind;
};

// In the order in which they are looked for; each name is also that of an index with
// ".index.json" behind it.
constexpr Form kForms[] = {{"tf_model.h5", WeightFiles::tensorflow},
                           {"flax_model.msgpack", WeightFiles::flax},
                           {"model.safetensors", WeightFiles::safetensors},
                           {"pytorch_model.bin", WeightFiles::pytorch}};
constexpr const char* kIndexEnd = ".index.json";

bool looks_like_weights(std::string_view file) {
  for (const std::string_view end : {".safetensors", ".bin", ".h5", ".msgpack", ".gguf", ".pt",
                                     ".pth", ".ckpt", ".onnx", ".json"}) {
    if (file.ends_with(end)) return true;
  }
  return false;
}

bool wanted(const Form& form, const CheckpointOptions& options) {
  if (form.kind == WeightFiles::tensorflow) return options.from_tf;
  if (form.kind == WeightFiles::flax) return options.from_flax;
  const bool safetensors = form.kind == WeightFiles::safetensors;
  return options.use_safetensors.value_or(safetensors) == safetensors;
}

/// What the weights that are there could be meant to say.
const char* hint_of(const std::vector<std::string>& files) {
  const auto any = [&](auto... parts) {
    return std::any_of(files.begin(), files.end(),
                       [&](std::string_view file) { return (file.ends_with(parts) || ...); });
  };
  if (any("tf_model.h5", "tf_model.h5.index.json")) {
    return "; these are TensorFlow's weights: from_tf = true loads them";
  }
  if (any("flax_model.msgpack", "flax_model.msgpack.index.json")) {
    return "; these are Flax's weights: from_flax = true loads them";
  }
  return any(".safetensors", ".bin")
             ? "; do variant, use_safetensors and subfolder say what was meant?"
             : "; was the download complete?";
}

[[noreturn]] void fail_no_weights(const hub::Repo& repo, const CheckpointOptions& options) {
  std::string there, sought;
  const std::vector<std::string> files = repo.list();
  for (const std::string& file : files) {
    if (!looks_like_weights(file) || there.size() > 1000) continue;
    there += there.empty() ? "" : ", ";
    there += printable_name(file);
  }
  for (const Form& form : kForms) {
    if (!wanted(form, options)) continue;
    sought += cat(sought.empty() ? "" : " or ", with_variant(form.file, options.variant));
  }
  fail(ErrorCode::not_found,
       cat(repo.name(), ": no ", sought, " and no index of shards; there is: ",
           there.empty() ? "nothing like a weight file" : there, hint_of(files)));
}

/// The file or index to load.
std::string choose_file(const hub::Repo& repo, const CheckpointOptions& options) {
  if (!options.weights_file.empty()) return options.weights_file;
  for (const Form& form : kForms) {
    if (!wanted(form, options)) continue;
    for (const std::string& file : {std::string(form.file), cat(form.file, kIndexEnd)}) {
      const std::string name = with_variant(file, options.variant);
      if (repo.exists(name)) return name;
    }
  }
  fail_no_weights(repo, options);
}

}  // namespace

Shape checkpoint_shape(const std::vector<int64_t>& dims, const std::string& name,
                       const std::string& path) {
  if (dims.size() > Shape::kMaxRank) {
    fail(ErrorCode::unsupported,
         cat(path, ": tensor '", printable_name(name), "' has ", dims.size(),
             " dimensions; at most ", Shape::kMaxRank, " are supported"));
  }
  return Shape(std::span<const int64_t>(dims));
}

void warn_no_tensor(const std::string& path, const std::vector<std::string>& names) {
  if (names.empty()) return;
  log(LogLevel::warning,
      cat(path, ": '", printable_name(names.front()), "'",
          names.size() > 1 ? " and others are" : " is", " no tensor and was left out"));
}

StorageRef Checkpoint::map(const hub::Repo& repo, const std::string& file) {
  const FileInfo before = repo.on_disk() ? env().stat(repo.path(file)) : FileInfo();
  StorageRef storage = repo.map(file, populate_);
  if (before.exists) mapped_.push_back({repo.path(file), before, storage});
  return storage;
}

void Checkpoint::add_safetensors(const hub::Repo& repo, const std::string& file) {
  const std::string path = repo.path(file);
  const hub::SafetensorsFile opened = hub::open_safetensors(map(repo, file), path);
  for (const hub::TensorEntry& entry : opened.header.tensors) {
    const Shape shape = checkpoint_shape(entry.shape, entry.name, path);
    entries_.push_back({entry.name, Tensor(opened.storage, entry.dtype, shape, entry.begin), {}});
  }
}

void Checkpoint::add_torch(const hub::Repo& repo, const std::string& file) {
  const std::string path = repo.path(file);
  const hub::TorchFile opened = hub::open_torch_file(map(repo, file), path);
  for (const hub::TorchTensor& entry : opened.tensors) {
    const Shape shape = checkpoint_shape(entry.shape, entry.name, path);
    entries_.push_back({entry.name,
                        entry.strides.empty()
                            ? Tensor(entry.storage, entry.dtype, shape, entry.begin)
                            : Tensor(entry.storage, entry.dtype, shape, entry.strides, entry.begin),
                        {}});
  }
  warn_no_tensor(path, opened.other_names);
}

void Checkpoint::add_file(const hub::Repo& repo, const std::string& file) {
  const size_t first = entries_.size();
  if (file.ends_with(".safetensors")) {
    add_safetensors(repo, file);
  } else if (file.ends_with(".msgpack")) {
    add_flax(repo, file);
  } else if (file.ends_with(".h5")) {
    add_tensorflow(repo, file);
  } else {
    add_torch(repo, file);
  }
  for (size_t i = first; i < entries_.size(); ++i) bytes_ += entries_[i].tensor.bytes();
  files_.push_back(file);
}

void Checkpoint::add_shards(const hub::Repo& repo, const std::string& index) {
  const auto weight_map = hub::parse_shard_index(repo.read(index), repo.path(index));
  std::set<std::string> shards;
  std::unordered_map<std::string, std::string_view> shard_of;
  for (const auto& [name, shard] : weight_map) {
    shards.insert(shard);
    shard_of[entry_name(name, shard)] = shard;
  }
  for (const std::string& shard : shards) {
    if (!repo.exists(shard)) {
      fail(ErrorCode::not_found, cat(repo.path(index), " names the shard '", printable_name(shard),
                                     "', which is not there: an incomplete download?"));
    }
    const size_t first = entries_.size();
    add_file(repo, shard);
    // A tensor that stands in two shards counts where the index says it is.
    const auto elsewhere = [&](const Entry& entry) {
      const auto it = shard_of.find(entry.name);
      return it != shard_of.end() && it->second != shard;
    };
    entries_.erase(std::remove_if(entries_.begin() + static_cast<std::ptrdiff_t>(first),
                                  entries_.end(), elsewhere),
                   entries_.end());
  }
  bytes_ = 0;
  for (const Entry& entry : entries_) bytes_ += entry.tensor.bytes();
}

Checkpoint Checkpoint::open_file(const hub::Repo& repo, const std::string& file) {
  Checkpoint checkpoint;
  checkpoint.add_file(repo, file);
  return checkpoint;
}

Checkpoint Checkpoint::open(const hub::Repo& repo, const CheckpointOptions& options) {
  if (!options.gguf_file.empty()) {
    return from_gguf(open_gguf(repo, options.gguf_file), options.gguf_file);
  }
  const std::string file = choose_file(repo, options);
  Checkpoint checkpoint;
  checkpoint.populate_ = options.populate;
  if (file.ends_with(".json")) {
    checkpoint.add_shards(repo, file);
  } else {
    checkpoint.add_file(repo, file);
  }
  return checkpoint;
}

std::vector<DType> Checkpoint::block_types() const {
  std::vector<DType> types;
  for (const Entry& entry : entries_) {
    const PrequantizedWeight* packed = entry.stored.prequantized.get();
    const DType dtype = packed ? packed->block_type().value_or(DType::u8) : entry.tensor.dtype();
    if (block_size(dtype) && std::find(types.begin(), types.end(), dtype) == types.end()) {
      types.push_back(dtype);
    }
  }
  return types;
}

std::optional<DType> Checkpoint::first_floating_dtype() const {
  const Entry* first = nullptr;
  for (const Entry& entry : entries_) {
    const DType dtype = entry.tensor.dtype();
    const bool usable =
        dtype == DType::f32 || dtype == DType::bf16 || dtype == DType::f16 || dtype == DType::f64;
    if (usable && (!first || natural_less(entry.name, first->name))) first = &entry;
  }
  return first ? std::optional(first->tensor.dtype()) : std::nullopt;
}

}  // namespace tern
