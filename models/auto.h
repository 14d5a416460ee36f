// SPDX-License-Identifier: Apache-2.0
// from_pretrained and the Auto classes, as in Transformers. Which class a repository gives is
// decided by one table: (task, model_type) → class name and constructor (arch/arch.inc, plus what
// register_model adds). `id_or_path` is a folder, a repository name in the Hugging Face cache,
// or a .gguf file.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model.h"
#include "save_options.h"

namespace tern {

struct LoadOptions {
  std::string revision = "main";
  std::string cache_dir = {};
  std::string subfolder = {};
  /// For the hub: an access token (else HF_TOKEN, else the token file), only what the cache has, or
  /// everything anew.
  std::string token = {};
  bool local_files_only = false;
  bool force_download = false;
  /// "auto" (config, else first floating weight), "float32", "bfloat16", "float16".
  std::string dtype = "auto";
  /// "" (none), "int8" or "int4": Linear layers run in it, everything else in `dtype`; with dtype
  /// "auto" that is bfloat16 where the CPU multiplies it, else float32.
  std::string quantize = {};
  /// What was packed is kept in a file and mapped by the next load of the same weights, which then
  /// takes no fresh memory for them (hub/packed_file.h; TERN_PACKED_CACHE=off says no for all).
  /// Nothing: only what was quantised. true: floats too, in a file as large as the weights'.
  std::optional<bool> packed_cache = {};
  /// Whether all weights are packed before from_pretrained returns. false: floats that mapped
  /// files hold as they run are read there at first, so that the first call does not wait for all
  /// to be packed; calls from the second on pack 256 MB each, and run faster. The bits are the
  /// same. Until all are packed nobody may write to the files. Nothing: true below 512 MiB of
  /// weights, which are packed before a call is through.
  std::optional<bool> pack_at_load = {};
  /// Where modules go: "auto" (= "balanced"), "balanced_low_0", "sequential", "cpu", "disk", or a
  /// table as JSON (R"({"model.layers.7": "disk"})"); empty: all in memory. Matrices of modules on
  /// "disk" stay in the weight files and run from there, while the next are read ahead, with
  /// the same bits; Model::hf_device_map tells. There are no accelerators in this build: one that
  /// max_memory names is a part of the CPU's memory.
  std::string device_map = {};
  /// Budgets for a planned device_map as JSON: R"({"cpu": "4GiB"})"; {} sends all to disk. Empty:
  /// 90 % of the memory that is left.
  std::string max_memory = {};
  /// As Transformers takes it. Nothing is written: every form of weights is read where it is.
  std::string offload_folder = {};
  bool ignore_mismatched_sizes = false;
  /// Members laid over config.json (num_labels, …), an object or null.
  hub::Json config_overrides = {};
  /// true: safetensors only; false: pytorch_model.bin only; nothing: safetensors first.
  std::optional<bool> use_safetensors = {};
  /// TensorFlow's tf_model.h5 (needs a build with HDF5) or Flax's flax_model.msgpack.
  bool from_tf = false, from_flax = false;
  /// "fp16": the files model.fp16.safetensors, …
  std::string variant = {};
  /// A GGUF file of the repository, whose metadata stand in for config.json. With dtype "auto" and
  /// no `quantize` its blocks run as they are (int8 activations; where the CPU multiplies bfloat16,
  /// what products and attention read, and the cache, are in it); else they become `dtype`. So do
  /// the weights of an AWQ or GPTQ repository: as blocks that hold them exactly, unless g_idx
  /// shuffles the inputs' groups, else as `dtype`, in float32 without a rounding.
  std::string gguf_file = {};
  /// {regular expression, plain text}: applied to the names of the file (WeightsOptions).
  std::vector<std::pair<std::string, std::string>> key_mapping = {};

  /// Where the files come from.
  TERN_API hub::RepoOptions repo_options(
      hub::WeightFiles weights = hub::WeightFiles::automatic) const;
  /// Which of them hold the weights; the config may name one (transformers_weights).
  TERN_API CheckpointOptions checkpoint_options(const Config& config) const;
};

/// For a model without weights of its own.
struct InitOptions {
  /// "auto" (config, else float32), "float32", "bfloat16", "float16".
  std::string dtype = "auto";
  /// As LoadOptions has it.
  std::string quantize = {};
  /// Another seed gives other weights; the same one the same, whatever the number of threads.
  uint64_t seed = 0;
};

using ModelPtr = std::shared_ptr<const Model>;

/// A loaded model that can be called. Copies share the weights. Safe to call from many threads.
class TERN_API PretrainedModel {
 public:
  PretrainedModel() = default;
  explicit PretrainedModel(ModelPtr model) : model_(std::move(model)) {}

  /// Runs the model in the calling thread's own Context; the outputs are copies on the heap.
  NamedTensors operator()(const NamedTensors& inputs, const ForwardOptions& options = {}) const;
  /// The outputs lie on ctx's arena, whose blocks live as long as they do.
  NamedTensors operator()(Context& ctx, const NamedTensors& inputs,
                          const ForwardOptions& options = {}) const;

  /// Writes the model into a folder, made if need be, as Transformers does: config.json (every
  /// field of what was loaded), generation_config.json where the model came with one, and the
  /// weights as safetensors in the type the model was loaded as (a quantised model's in the type
  /// that it was quantised from; an AWQ's or GPTQ's as numbers, without quantization_config), tied
  /// tensors once, under the class's names. Takes a few MB of memory beside the model. The folder
  /// that the model came from may be written to. Of an earlier model in the folder the safetensors
  /// files of the same variant and generation_config.json go; other files stay. A process that is
  /// killed leaves the earlier model, this one, or a folder without config.json, which the next
  /// save completes. invalid_argument: the folder is a file, max_shard_size; denied, io: the
  /// system's reason.
  void save_pretrained(const std::string& folder, const SaveOptions& options = {}) const;

  const Model* operator->() const noexcept { return model_.get(); }
  const Model& operator*() const noexcept { return *model_; }
  const ModelPtr& ptr() const noexcept { return model_; }

 private:
  ModelPtr model_;
};

class TERN_API AutoConfig {
 public:
  /// config.json (or what a GGUF file's metadata amount to) with the overrides laid over it.
  static Config from_pretrained(const std::string& id_or_path, const LoadOptions& options = {});
  static Config from_repo(const hub::Repo& repo, const LoadOptions& options = {});
};

/// The repository of a model. A path to a file "….gguf" is one in which that file is alone, and
/// becomes options.gguf_file.
TERN_API hub::Repo open_pretrained(const std::string& id_or_path, LoadOptions& options,
                                   hub::WeightFiles weights = hub::WeightFiles::automatic);

/// `task`: an Auto class ("AutoModel", "AutoModelForMaskedLM", …) or a concrete one ("BertModel").
TERN_API PretrainedModel load_model(std::string_view task, const hub::Repo& repo,
                                    const LoadOptions& options = {});
/// The same from a folder, a name in the cache or a .gguf file.
TERN_API PretrainedModel load_pretrained(std::string_view task, const std::string& id_or_path,
                                         const LoadOptions& options = {});

/// The same with random weights, as the architecture is initialised before training.
TERN_API PretrainedModel initialise_model(std::string_view task, const Config& config,
                                          const InitOptions& options = {});

#define TERN_AUTO_CLASS(name)                                                                   \
  class TERN_API name {                                                                         \
   public:                                                                                      \
    static PretrainedModel from_pretrained(const std::string& id_or_path,                       \
                                           const LoadOptions& options = {}) {                   \
      return load_pretrained(#name, id_or_path, options);                                       \
    }                                                                                           \
    static PretrainedModel from_repo(const hub::Repo& repo, const LoadOptions& options = {}) {  \
      return load_model(#name, repo, options);                                                  \
    }                                                                                           \
    static PretrainedModel from_config(const Config& config, const InitOptions& options = {}) { \
      return initialise_model(#name, config, options);                                          \
    }                                                                                           \
  };
TERN_AUTO_CLASS(AutoModel)
TERN_AUTO_CLASS(AutoModelForPreTraining)
TERN_AUTO_CLASS(AutoModelForMaskedLM)
TERN_AUTO_CLASS(AutoModelForCausalLM)
TERN_AUTO_CLASS(AutoModelForSeq2SeqLM)
TERN_AUTO_CLASS(AutoModelForTextEncoding)
TERN_AUTO_CLASS(AutoModelForSequenceClassification)
TERN_AUTO_CLASS(AutoModelForTokenClassification)
TERN_AUTO_CLASS(AutoModelForQuestionAnswering)
TERN_AUTO_CLASS(AutoModelForNextSentencePrediction)
TERN_AUTO_CLASS(AutoModelForMultipleChoice)
#undef TERN_AUTO_CLASS

/// How a class is made from its config and weights.
using ModelFactory = std::function<std::unique_ptr<Model>(const Config&, const Weights&)>;

struct ModelClass {
  std::string name;              // "BertForMaskedLM"
  std::string model_type;        // "bert"
  std::string task;              // "AutoModelForMaskedLM"
  std::string base_prefix = {};  // "bert": names are found with and without it
  ModelFactory make;
  std::vector<Rename> renames = {};
  std::vector<std::string_view> ignore_unexpected = {}, ignore_missing = {};
  /// Parts of names ("wo") whose parameters stay float32 in a float16 model, also when it is saved.
  std::vector<std::string_view> keep_in_f32 = {};
};

/// Adds a class (from outside the library too); thread-safe. invalid_argument when its name, or its
/// task for that model_type, is taken.
TERN_API void register_model(ModelClass entry);
/// The names of all classes, sorted.
TERN_API std::vector<std::string> registered_models();

}  // namespace tern
