// SPDX-License-Identifier: Apache-2.0
#include "packed_cache.h"

#include <algorithm>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "../engine/base/log.h"
#include "../hub/hash.h"
#include "device_map.h"
#include "stored_tensor.h"

namespace tern {

namespace {

void warn(const Error& error) {
  log(LogLevel::warning, cat("packed weights are not kept for the next start: ", error.what(),
                             " (TERN_CACHE names another folder, TERN_PACKED_CACHE=off none)"));
}

uint64_t limit() {
  constexpr const char* kName = "TERN_PACKED_CACHE_LIMIT";
  return parse_memory_size(env().variable(kName).value_or("64GiB"), kName);
}

}  // namespace

PackedCache::PackedCache(const Checkpoint& checkpoint, const LinearFormat& format,
                         const std::string& folder)
    : files_(checkpoint.mapped()) {
  for (size_t i = 0; i < files_.size(); ++i) index_[&*files_[i].storage] = i;
  try {
    std::string content = cpu_backend().packed_layout(format);
    for (const Checkpoint::Mapped& file : files_) {
      const std::string hash = hub::content_hash(file.path, file.before, folder);
      if (hash.empty()) return;
      content += "\n" + hash;
    }
    hub::Hasher key(hub::HashKind::sha256, content.size());
    key.update(as_bytes(content));
    if (!files_.empty()) known_.emplace(folder, key.finish());
  } catch (const Error& error) {
    warn(error);
  }
}

/// Empty for weights that are not wholly views of the files.
std::string PackedCache::name_of(std::span<const Tensor> weights, bool woven) const {
  std::string name = woven ? "woven" : "stacked";
  for (const Tensor& w : weights) {
    const auto file = index_.find(&*w.storage());
    if (file == index_.end()) return {};
    name += cat(" ", file->second, "+", w.raw() - w.storage()->data(), " ", to_string(w.dtype()),
                w.shape().to_string());
    if (!w.dense()) name += cat("*", w.stride(0), ",", w.stride(1));
  }
  return name;
}

StorageRef PackedCache::find(std::span<const Tensor> weights, bool woven) {
  const std::string name = known_ ? name_of(weights, woven) : "";
  StorageRef found = name.empty() ? StorageRef() : known_->find(name);
  for (const Tensor& w : weights) {
    const auto file = index_.find(&*w.storage());
    if (!found && file != index_.end()) read_in(w, files_[file->second].path);
  }
  return found;
}

void PackedCache::keep(std::span<const Tensor> weights, bool woven, const StorageRef& panels) {
  const std::string name = known_ ? name_of(weights, woven) : "";
  if (!name.empty()) made_[name] = panels;
}

bool PackedCache::unchanged() const {
  return std::all_of(files_.begin(), files_.end(), [](const Checkpoint::Mapped& file) {
    return env().stat(file.path) == file.before;
  });
}

void PackedCache::finish() {
  try {
    if (!made_.empty() && unchanged()) known_->add(made_, limit());
  } catch (const Error& error) {
    warn(error);
  }
  made_.clear();
}

}  // namespace tern
