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

#include "../engine/base/env.h"
#include "../engine/nn.h"
#include "../hub/repo.h"
#include "config.h"
#include "device_map.h"

namespace tern {

namespace hub {
struct GgufFile;
}

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

/// How a fresh tensor is made, when the checkpoint has none or there is no checkpoint.
struct Init {
  enum class Fill : uint8_t { normal, zeros, ones };
  Fill fill = Fill::normal;
  /// Of normal values around 0; 0: what the config says (initial_deviation).
  double deviation = 0;
  /// This row of a table is 0 (an embedding's padding_idx); -1: none.
  int64_t zero_row = -1;
  /// Writes the values of a [rows, columns] table in place of all that.
  void (*values)(float* out, int64_t rows, int64_t columns) = nullptr;

  static const Init normal, zeros, ones;
  static Init scaled(double deviation) { return {.deviation = deviation}; }
  static Init padded(int64_t row) { return {.zero_row = row}; }
};
inline constexpr Init Init::normal{};
inline constexpr Init Init::zeros{.fill = Fill::zeros};
inline constexpr Init Init::ones{.fill = Fill::ones};

struct CheckpointOptions {
  /// true: safetensors only; false: pickle only; nothing: safetensors first.
  std::optional<bool> use_safetensors = {};
  /// "fp16": model.fp16.safetensors, model.safetensors.index.fp16.json, …
  std::string variant = {};
  /// TensorFlow's tf_model.h5 or Flax's flax_model.msgpack before the others.
  bool from_tf = false, from_flax = false;
  /// A file or index of the repository to load instead of any of the usual ones.
  std::string weights_file = {};
  /// The same, and it is a GGUF file whatever its name.
  std::string gguf_file = {};
  /// Read the files in at once (Env::map_file); else pages come when they are touched.
  bool populate = true;
};

struct PrequantizedWeight;

/// What an export changed in a tensor, to be undone when it is taken.
struct Stored {
  /// Not 0: rows of so many heads, in each of which row i of d became row 2i, and i + d/2 the one
  /// behind it.
  int64_t paired_heads = 0;
  /// One was added to every element.
  bool plus_one = false;
  /// AWQ's or GPTQ's parts (prequantized_weight.h); the tensor tells its shape alone.
  std::shared_ptr<const PrequantizedWeight> prequantized = {};
  /// These parts are of [out, in], and the class has [in, out].
  bool turned = false;

  bool changed() const noexcept { return paired_heads > 0 || plus_one; }
};

/// A parameter that a model has taken, under the name that its class gives it.
struct Parameter {
  std::string name;
  Tensor tensor;  // as the checkpoint stores it, or as it was initialised
  Stored stored = {};
  bool keeps_f32 = false;  // also in a float16 model
};

/// The tensors of a repository's weight files, by name. Opening reads headers only.
class TERN_API Checkpoint {
 public:
  /// The first that exists of model.safetensors, its index (model.safetensors.index.json),
  /// pytorch_model.bin and its index, with the variant's name in it (before them those that from_tf
  /// and from_flax name); not_found lists what is there instead. A shard that the index names must
  /// exist.
  static Checkpoint open(const hub::Repo& repo, const CheckpointOptions& options = {});
  /// One file of the repository ("2_Dense/model.safetensors"): safetensors, msgpack or h5 by its
  /// name, else a PyTorch file.
  static Checkpoint open_file(const hub::Repo& repo, const std::string& file);
  /// An opened GGUF file, which is called `file` in files().
  static Checkpoint from_gguf(const hub::GgufFile& opened, const std::string& file);

  struct Entry {
    std::string
        name;       // as in the file; of TensorFlow's, Flax's and GGUF what PyTorch would call it
    Tensor tensor;  // a view of the mapping, in other forms than safetensors perhaps with strides
    Stored stored = {};
    /// TensorFlow's: [1, n] or [n, 1] may serve as [n], as long as the number of elements is right.
    bool reshapes = false;
    /// Not unexpected where no class takes it.
    bool optional = false;
  };
  /// Where config.json says that weights were quantised by AWQ or GPTQ, each becomes one entry.
  /// corrupt names a part that is missing or of another shape, unsupported any other quantisation.
  void join_prequantized(const Config& config, const std::string& repo);
  /// "gptq, 4 bits, groups of 128"; empty: no weight is.
  const std::string& prequantized_as() const noexcept { return prequantized_as_; }
  const std::vector<Entry>& entries() const noexcept { return entries_; }
  /// Whether the files were read in (CheckpointOptions::populate).
  bool populated() const noexcept { return populate_; }
  const std::vector<std::string>& files() const noexcept { return files_; }
  /// A file on disk that tensors are views of, looked at before it was mapped.
  struct Mapped {
    std::string path;
    FileInfo before;
    StorageRef storage;
  };
  const std::vector<Mapped>& mapped() const noexcept { return mapped_; }
  /// Bytes of all tensors.
  uint64_t bytes() const noexcept { return bytes_; }
  /// Types of blocks that tensors are stored in or, if prequantized, can be held in exactly, each
  /// once.
  std::vector<DType> block_types() const;
  /// dtype of the first floating tensor by natural order of names; nullopt when there is none.
  std::optional<DType> first_floating_dtype() const;

 private:
  std::vector<Entry> entries_;
  std::vector<std::string> files_;
  std::vector<Mapped> mapped_;
  uint64_t bytes_ = 0;
  std::string prequantized_as_;
  bool populate_ = true;

  StorageRef map(const hub::Repo& repo, const std::string& file);
  void add_file(const hub::Repo& repo, const std::string& file);
  void add_safetensors(const hub::Repo& repo, const std::string& file);
  void add_torch(const hub::Repo& repo, const std::string& file);
  void add_flax(const hub::Repo& repo, const std::string& file);
  void add_tensorflow(const hub::Repo& repo, const std::string& file);
  void add_shards(const hub::Repo& repo, const std::string& index);
};

struct WeightsOptions {
  /// What Linear layers run in.
  LinearFormat format = {};
  /// "bert": names are accepted with and without this prefix, as Transformers does.
  std::string base_model_prefix = {};
  /// {pattern, replacement}: every match of the regular expression in a name of the file is
  /// replaced, one after the other, before the renames. Patterns as Python's re reads them, as far
  /// as Oniguruma agrees; replacements are plain texts.
  std::vector<std::pair<std::string, std::string>> key_mapping = {};
  /// Applied to every name of the file, in order, before anything is looked up.
  std::vector<Rename> renames = {};
  /// Name parts that may be superfluous or absent without a word; position_ids and
  /// rotary_emb.inv_freq always may.
  std::vector<std::string_view> ignore_unexpected = {}, ignore_missing = {};
  bool ignore_mismatched_sizes = false;
  /// What blocks and prequantized weights become when they are taken: f32, bf16 or f16; nullopt:
  /// blocks stay or are made where they hold the same weights.
  std::optional<DType> unpack_blocks = DType::f32;
  /// Standard deviation, type (f64 as f32) and seed of fresh tensors.
  double initializer_range = 0.02;
  DType dtype = DType::f32;
  uint64_t seed = 0;
  /// Weights that this sends to "disk" stay in their file (format.stream, not null then) if layers
  /// can run from them as they lie there.
  DeviceMap devices = {};
};

class TERN_API Weights {
 public:
  Weights(const Checkpoint& checkpoint, WeightsOptions options);
  /// All tensors are fresh, and none is missing.
  explicit Weights(WeightsOptions options);

  Weights operator/(std::string_view scope) const;
  Weights operator/(int64_t index) const;
  /// The same scope, in which fresh normal tensors have this deviation unless Init names another.
  Weights with_deviation(double deviation) const;

  /// A tensor of exactly this shape in f32, bf16 or f16, or in blocks where these stay: a view of
  /// the file, or a copy where the file has it unaligned, strided, in f64 (which becomes f32) or in
  /// f8 (which becomes bf16, exactly), or changed by an export.
  Tensor take(std::string_view name, const Shape& shape, Init init = Init::normal) const;
  /// The same for Linear: floats as they lie in the file, at any address. Their pages are not read
  /// in yet, for Linear may not need them (LinearFormat::store).
  Tensor take_matrix(std::string_view name, const Shape& shape, Init init = Init::normal) const;
  /// The transpose [out, in] of a tensor that the class has as [in, out]: a view with strides, for
  /// Linear, dense where the file has it so (GGUF).
  Tensor take_transposed(std::string_view name, int64_t in, int64_t out,
                         const Init& init = Init::normal) const;
  /// The same as take, but an absent one gives an empty Tensor and no report (and zeros where there
  /// is no checkpoint).
  Tensor take_optional(std::string_view name, const Shape& shape) const;
  bool has(std::string_view name) const;
  /// Marks a name as known (a buffer): present or absent, it is not reported.
  void ignore(std::string_view name) const;
  /// Two names of one parameter: when the file has only one of them it serves both; when it has
  /// both and they differ each keeps its own, with a warning. One source may have many targets.
  /// Call before the target is taken.
  void tie(std::string_view source, std::string_view target) const;

  LinearFormat format() const noexcept;
  /// What has been taken, in that order, with the bytes it has in memory; without `layers`.
  ModelOutline outline() const;
  /// Names of those of "disk" that had to be converted and are in memory.
  const std::vector<std::string>& brought_in() const noexcept;
  /// Missing, unexpected, mis-shaped, each in natural order. Throws invalid_argument for mis-shaped
  /// tensors unless ignore_mismatched_sizes. Call once, when the model stands.
  LoadingReport finish() const;
  /// What take() gave, once each, in that order; of two names that are tied, the source's.
  const std::vector<Parameter>& parameters() const noexcept;

 private:
  struct State;
  enum class Reader { any, linear };
  Tensor take_for(Reader reader, std::string_view name, const Shape& shape, Init init) const;

  std::shared_ptr<State> state_;
  std::string prefix_;
  double deviation_ = 0;
};

}  // namespace tern
