// SPDX-License-Identifier: Apache-2.0
// Weights: checkpoint tensors by scoped name. `w / "encoder" / "layer" / i` narrows the scope,
// take("weight", {out, in}) checks dtype and shape and hands out a view of the file. What is
// missing or mis-shaped is noted and replaced by a fresh initialisation, so that one report at the
// end names everything; an architecture therefore never handles absence, except for optional
// tensors. Not thread-safe: one loading thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../engine/nn.h"
#include "../hub/repo.h"
#include "config.h"

namespace tern {

struct TERN_API LoadingReport {
  struct Mismatch {
    std::string name;
    std::string expected, found;  // shapes as "[2, 3]"
  };
  std::vector<std::string> missing_keys;     // re-initialised randomly
  std::vector<std::string> unexpected_keys;  // in the file, not used
  std::vector<Mismatch> mismatched_keys;
  DType dtype = DType::f32;  // what the model was loaded as
  std::string quantize;      // "int8", "int4" or nothing
  std::vector<std::string> files;

  bool clean() const noexcept {
    return missing_keys.empty() && unexpected_keys.empty() && mismatched_keys.empty();
  }
  /// The warning text: every key, the nearest match for a missing one, what to do. Empty when
  /// clean.
  std::string text(std::string_view model, std::string_view repo) const;
};

/// A rename of checkpoint names: the first occurrence of the text `from` becomes `to`.
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
  /// One safetensors file of the repository ("2_Dense/model.safetensors").
  static Checkpoint open_file(const hub::Repo& repo, const std::string& file);

  struct Entry {
    std::string name;  // as in the file
    Tensor tensor;     // a view of the mapping
  };
  const std::vector<Entry>& entries() const noexcept { return entries_; }
  const std::vector<std::string>& files() const noexcept { return files_; }
  /// Bytes of all tensors.
  uint64_t bytes() const noexcept { return bytes_; }
  /// dtype of the first floating tensor by natural order of names; nullopt when there is none.
  std::optional<DType> first_floating_dtype() const;

 private:
  std::vector<Entry> entries_;
  std::vector<std::string> files_;
  uint64_t bytes_ = 0;

  void add_file(const hub::Repo& repo, const std::string& file);
};

struct WeightsOptions {
  /// What Linear layers run in.
  LinearFormat format = {};
  /// "bert": names are accepted with and without this prefix, as Transformers does.
  std::string base_model_prefix = {};
  /// Applied to every name of the file, in order, before anything is looked up.
  std::vector<Rename> renames = {};
  /// Name parts that may be superfluous or absent without a word; position_ids and
  /// rotary_emb.inv_freq always may.
  std::vector<std::string_view> ignore_unexpected = {}, ignore_missing = {};
  bool ignore_mismatched_sizes = false;
  /// Standard deviation of fresh normal tensors.
  double initializer_range = 0.02;
};

class TERN_API Weights {
 public:
  Weights(const Checkpoint& checkpoint, WeightsOptions options);

  Weights operator/(std::string_view scope) const;
  Weights operator/(int64_t index) const;

  /// A tensor of exactly this shape: a view of the file in f32, bf16 or f16 (f64 is converted to
  /// f32).
  Tensor take(std::string_view name, const Shape& shape, Init init = Init::normal) const;
  /// The same, but an absent one gives an empty Tensor and no report.
  Tensor take_optional(std::string_view name, const Shape& shape) const;
  bool has(std::string_view name) const;
  /// Marks a name as known (a buffer): present or absent, it is not reported.
  void ignore(std::string_view name) const;
  /// Two names of one parameter: when the file has only one of them it serves both; when it has
  /// both and they differ each keeps its own, with a warning. Call before either is taken.
  void tie(std::string_view source, std::string_view target) const;

  LinearFormat format() const noexcept;
  /// Missing, unexpected, mis-shaped, each in natural order. Throws invalid_argument for mis-shaped
  /// tensors unless ignore_mismatched_sizes. Call once, when the model stands.
  LoadingReport finish() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
  std::string prefix_;
};

}  // namespace tern
