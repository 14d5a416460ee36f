// SPDX-License-Identifier: Apache-2.0
// Weights: checkpoint tensors by scoped name. `w / "encoder" / "layer" / i` narrows the scope,
// take("weight", {out, in}) checks dtype and shape and hands out a view of the file. What is missing
// or mis-shaped is noted and replaced by a fresh initialisation, so that one report at the end names
// everything; an architecture therefore never handles absence, except for optional tensors.
// Not thread-safe: one loading thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../engine/nn.h"
#include "../hub/repo.h"
#include "config.h"

namespace tern {

struct LoadingReport {
  struct Mismatch {
    std::string name;
    std::string expected, found;   // shapes as "[2, 3]"
  };
  std::vector<std::string> missing_keys;       // re-initialised randomly
  std::vector<std::string> unexpected_keys;    // in the file, not used
  std::vector<Mismatch> mismatched_keys;
  DType dtype = DType::f32;                     // what the model was loaded as
  std::vector<std::string> files;

  bool clean() const noexcept {
    return missing_keys.empty() && unexpected_keys.empty() && mismatched_keys.empty();
  }
  /// The warning text: every key, the nearest match for a missing one, what to do. Empty when clean.
  std::string text(std::string_view model, std::string_view repo) const;
};

/// A rename of checkpoint names: an ECMAScript-free, plain substring rule: `from` → `to`.
struct Rename {
  std::string_view from, to;
};

/// How a fresh tensor is made when the checkpoint has none.
enum class Init { normal, zeros, ones };

/// The tensors of a repository's weight files, by name. Opening reads headers only.
class TERN_API Checkpoint {
 public:
  /// model.safetensors, else model.safetensors.index.json; not_found lists what is there instead.
  static Checkpoint open(const hub::Repo& repo);

  struct Entry {
    std::string name;       // as in the file
    Tensor tensor;          // a view of the mapping
  };
  const std::vector<Entry>& entries() const noexcept { return entries_; }
  const std::vector<std::string>& files() const noexcept { return files_; }
  /// dtype of the first floating tensor by natural order of names; nullopt when there is none.
  std::optional<DType> first_floating_dtype() const;

 private:
  std::vector<Entry> entries_;
  std::vector<std::string> files_;
};

struct WeightsOptions {
  /// What Linear layers run in: f32 or bf16.
  DType compute = DType::f32;
  /// "bert": names are accepted with and without this prefix, as Transformers does.
  std::string base_model_prefix = {};
  /// True when the class is the bare base model (its names carry no prefix).
  bool base_model = false;
  std::vector<Rename> renames = {};
  /// Name parts that may be absent or superfluous without a word (position_ids, …).
  std::vector<std::string_view> ignore_unexpected = {}, ignore_missing = {};
  bool ignore_mismatched_sizes = false;
  double initializer_range = 0.02;
};

class TERN_API Weights {
 public:
  Weights(const Checkpoint& checkpoint, WeightsOptions options);

  Weights operator/(std::string_view scope) const;
  Weights operator/(int64_t index) const;

  /// A tensor of exactly this shape, as the file stores it (float types only).
  Tensor take(std::string_view name, const Shape& shape, Init init = Init::normal) const;
  /// The same, but an absent one gives an empty Tensor and no report.
  Tensor take_optional(std::string_view name, const Shape& shape) const;
  bool has(std::string_view name) const;
  /// Marks a name as known (tied to another, or a buffer): present or absent, it is not reported.
  void ignore(std::string_view name) const;

  DType compute() const noexcept;
  /// Missing, unexpected, mis-shaped. Throws invalid_argument for mis-shaped tensors unless
  /// ignore_mismatched_sizes. Call once, when the model stands.
  LoadingReport finish() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
  std::string prefix_;
};

}  // namespace tern
