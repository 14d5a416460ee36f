// SPDX-License-Identifier: Apache-2.0
// PackedCache: panels of weights between processes (hub/packed_file.h). A file of it
// belongs to the content of the weight files, the format and the kernel's layout; in it panels are
// named by where in these files their weights lie. So nothing else matters, neither what the model
// is called nor its class or config, and weights that are no view of a file (fresh ones, converted
// ones) are not kept. Called by from_pretrained.
#pragma once

#include <map>
#include <memory>

#include "../hub/packed_file.h"
#include "weights.h"

namespace tern {

class PackedCache final : public PackedStore {
 public:
  /// `folder`: hub::packed_cache_dir(). What goes wrong with it is a warning: then nothing is found
  /// and nothing kept.
  PackedCache(const Checkpoint& checkpoint, const LinearFormat& format, const std::string& folder);

  /// io: a weight that it has no panels of cannot be read, for its file has been cut.
  StorageRef find(std::span<const Tensor> weights, bool woven) override;
  void keep(std::span<const Tensor> weights, bool woven, const StorageRef& panels) override;

  /// Writes the panels that are new, when the model stands.
  void finish();

 private:
  std::string name_of(std::span<const Tensor> weights, bool woven) const;
  bool unchanged() const;

  std::vector<Checkpoint::Mapped> files_;
  std::map<const Storage*, size_t> index_;  // of files_
  std::optional<hub::PackedFile> known_;
  std::map<std::string, StorageRef> made_;
};

}  // namespace tern
