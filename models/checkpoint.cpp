// SPDX-License-Identifier: Apache-2.0
// Checkpoint: the weight files of a repository in Transformers' order, safetensors only. Tensors
// are views of the mappings.
#include <algorithm>
#include <set>
#include <unordered_map>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "../hub/formats/safetensors.h"
#include "key_names.h"
#include "weights.h"

namespace tern {

namespace {

constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

bool looks_like_weights(std::string_view file) {
  for (const std::string_view end : {".safetensors", ".bin", ".h5", ".msgpack", ".gguf", ".pt",
                                     ".pth", ".ckpt", ".onnx", ".json"}) {
    if (file.ends_with(end)) return true;
  }
  return false;
}

[[noreturn]] void fail_no_weights(const hub::Repo& repo) {
  std::string there;
  bool pickled = false, foreign = false;
  for (const std::string& file : repo.list()) {
    if (!looks_like_weights(file) || there.size() > 1000) continue;
    there += there.empty() ? "" : ", ";
    there += printable_name(file);
    pickled = pickled || file.starts_with("pytorch_model");
    foreign = foreign || file == "tf_model.h5" || file == "flax_model.msgpack";
  }
  const char* hint = pickled   ? "; PyTorch pickles are not read: save the model as safetensors"
                     : foreign ? "; TensorFlow and Flax weights are not read: save as safetensors"
                               : "; was the download complete?";
  fail(ErrorCode::not_found, cat(repo.name(), ": no ", kSingle, " and no ", kIndex, "; there is: ",
                                 there.empty() ? "nothing like a weight file" : there, hint));
}

}  // namespace

void Checkpoint::add_file(const hub::Repo& repo, const std::string& file) {
  const hub::SafetensorsFile opened = hub::open_safetensors(repo.map(file), repo.path(file));
  for (const hub::TensorEntry& entry : opened.header.tensors) {
    if (entry.shape.size() > Shape::kMaxRank) {
      fail(ErrorCode::unsupported,
           cat(repo.path(file), ": tensor '", printable_name(entry.name), "' has ",
               entry.shape.size(), " dimensions; at most ", Shape::kMaxRank, " are supported"));
    }
    const Shape shape{std::span<const int64_t>(entry.shape)};
    entries_.push_back({entry.name, Tensor(opened.storage, entry.dtype, shape, entry.begin)});
    bytes_ += entry.end - entry.begin;
  }
  files_.push_back(file);
}

Checkpoint Checkpoint::open_file(const hub::Repo& repo, const std::string& file) {
  Checkpoint checkpoint;
  checkpoint.add_file(repo, file);
  return checkpoint;
}

Checkpoint Checkpoint::open(const hub::Repo& repo) {
  if (repo.exists(kSingle)) return open_file(repo, kSingle);
  const auto index = repo.read_if_exists(kIndex);
  if (!index) fail_no_weights(repo);

  const auto weight_map = hub::parse_shard_index(*index, repo.path(kIndex));
  std::set<std::string> shards;
  std::unordered_map<std::string_view, std::string_view> shard_of;
  for (const auto& [name, shard] : weight_map) {
    shards.insert(shard);
    shard_of[name] = shard;
  }
  Checkpoint checkpoint;
  for (const std::string& shard : shards) {
    if (!repo.exists(shard)) {
      fail(ErrorCode::not_found, cat(repo.path(kIndex), " names the shard '", printable_name(shard),
                                     "', which is not there: an incomplete download?"));
    }
    const size_t first = checkpoint.entries_.size();
    checkpoint.add_file(repo, shard);
    // A tensor that stands in two shards counts where the index says it is.
    const auto elsewhere = [&](const Entry& entry) {
      const auto it = shard_of.find(entry.name);
      return it != shard_of.end() && it->second != shard;
    };
    auto& entries = checkpoint.entries_;
    entries.erase(std::remove_if(entries.begin() + static_cast<std::ptrdiff_t>(first),
                                 entries.end(), elsewhere),
                  entries.end());
  }
  return checkpoint;
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
