// SPDX-License-Identifier: Apache-2.0
// from_pretrained and the Auto classes, as in Transformers. Which class a repository gives is
// decided by one table: (task, model_type) → class name and constructor (arch/arch.inc, plus what
// register_model adds). `id_or_path` is a folder or a repository name in the Hugging Face cache.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "model.h"

namespace tern {

struct LoadOptions {
  std::string revision = "main";
  std::string cache_dir = {};
  std::string subfolder = {};
  /// "auto" (config, else first floating weight), "float32", "bfloat16", "float16".
  std::string dtype = "auto";
  /// "" (none), "int8" or "int4": Linear layers run in it, everything else in `dtype`; with dtype
  /// "auto" that is bfloat16 where the CPU multiplies it, else float32.
  std::string quantize = {};
  bool ignore_mismatched_sizes = false;
  /// Members laid over config.json (num_labels, …), an object or null.
  hub::Json config_overrides = {};
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

  const Model* operator->() const noexcept { return model_.get(); }
  const Model& operator*() const noexcept { return *model_; }
  const ModelPtr& ptr() const noexcept { return model_; }

 private:
  ModelPtr model_;
};

class TERN_API AutoConfig {
 public:
  /// config.json with the overrides laid over it.
  static Config from_pretrained(const std::string& id_or_path, const LoadOptions& options = {});
  static Config from_repo(const hub::Repo& repo, const LoadOptions& options = {});
};

/// `task`: an Auto class ("AutoModel", "AutoModelForMaskedLM", …) or a concrete one ("BertModel").
TERN_API PretrainedModel load_model(std::string_view task, const hub::Repo& repo,
                                    const LoadOptions& options = {});

#define TERN_AUTO_CLASS(name)                                                                  \
  class TERN_API name {                                                                        \
   public:                                                                                     \
    static PretrainedModel from_pretrained(const std::string& id_or_path,                      \
                                           const LoadOptions& options = {}) {                  \
      return load_model(#name,                                                                 \
                        hub::Repo::open(id_or_path, {.revision = options.revision,             \
                                                     .cache_dir = options.cache_dir,           \
                                                     .subfolder = options.subfolder}),         \
                        options);                                                              \
    }                                                                                          \
    static PretrainedModel from_repo(const hub::Repo& repo, const LoadOptions& options = {}) { \
      return load_model(#name, repo, options);                                                 \
    }                                                                                          \
  };
TERN_AUTO_CLASS(AutoModel)
TERN_AUTO_CLASS(AutoModelForPreTraining)
TERN_AUTO_CLASS(AutoModelForMaskedLM)
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
};

/// Adds a class (from outside the library too); thread-safe. invalid_argument when its name, or its
/// task for that model_type, is taken.
TERN_API void register_model(ModelClass entry);
/// The names of all classes, sorted.
TERN_API std::vector<std::string> registered_models();

}  // namespace tern
