// SPDX-License-Identifier: Apache-2.0
// from_pretrained: config → class → checkpoint → weights by name → model → report.
#include "auto.h"

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "../engine/base/log.h"
#include "key_names.h"
#include "registry.h"

namespace tern {

/// Completes a model with what only the loader knows.
struct ModelBuilder {
  static ModelPtr finish(std::unique_ptr<Model> model, LoadingReport report,
                         std::string class_name) {
    model->report_ = std::move(report);
    model->class_name_ = std::move(class_name);
    return model;
  }
};

namespace {

constexpr const char* kConfig = "config.json";

/// Weights in another library's packed form would be read as if they were plain.
void refuse_quantised(const Config& config, const std::string& repo) {
  const hub::Json& quantised = config.json()["quantization_config"];
  if (quantised.is_null()) return;
  const auto method = quantised["quant_method"].string();
  fail(ErrorCode::unsupported,
       cat(repo, ": the weights are quantised", method ? cat(" by ", printable_name(*method)) : "",
           " (quantization_config), which is not supported: load the unquantised model"));
}

/// The dtype a model is loaded as, by Transformers' rule for "auto".
DType resolve_dtype(const LoadOptions& options, const Config& config,
                    const Checkpoint& checkpoint) {
  if (options.dtype == "auto" || options.dtype.empty()) {
    if (const auto dtype = config.dtype()) return *dtype;
    return checkpoint.first_floating_dtype().value_or(DType::f32);
  }
  const auto dtype = dtype_from_string(options.dtype);
  if (dtype == DType::f32 || dtype == DType::bf16 || dtype == DType::f16) return *dtype;
  fail(ErrorCode::invalid_argument, cat("dtype is '", printable_name(options.dtype),
                                        "'; expected auto, float32, bfloat16 or float16"));
}

LinearFormat linear_format(const LoadOptions& options, DType dtype) {
  if (options.quantize.empty()) return LinearFormat::of(dtype);
  LinearFormat format;
  if (options.quantize == "int8") {
    format.weights = WeightFormat::int8;
  } else if (options.quantize == "int4") {
    format.weights = WeightFormat::int4;
  } else {
    fail(ErrorCode::invalid_argument, cat("quantize is '", printable_name(options.quantize),
                                          "'; expected int8, int4 or nothing"));
  }
  const bool chosen = options.dtype != "auto" && !options.dtype.empty();
  const bool narrow = chosen ? dtype == DType::bf16 : cpu_backend().multiplies_bf16();
  format.narrow = narrow ? DType::bf16 : DType::f32;
  return format;
}

}  // namespace

Config AutoConfig::from_repo(const hub::Repo& repo, const LoadOptions& options) {
  const auto text = repo.read_if_exists(kConfig);
  if (!text) {
    const bool adapter = repo.exists("adapter_config.json");
    fail(adapter ? ErrorCode::unsupported : ErrorCode::not_found,
         cat(repo.name(), ": no ", kConfig,
             adapter ? "; this is an adapter (adapter_config.json), load the model it was made for"
                     : "; is this a Transformers model?"));
  }
  return Config(hub::Json::parse(*text, repo.path(kConfig)), kConfig)
      .with(options.config_overrides);
}

Config AutoConfig::from_pretrained(const std::string& id_or_path, const LoadOptions& options) {
  return from_repo(hub::Repo::open(id_or_path, {.revision = options.revision,
                                                .cache_dir = options.cache_dir,
                                                .subfolder = options.subfolder}),
                   options);
}

PretrainedModel load_model(std::string_view task, const hub::Repo& repo,
                           const LoadOptions& options) {
  const Config config = AutoConfig::from_repo(repo, options);
  const auto entry = find_model_class(task, config, repo.name());
  refuse_quantised(config, repo.name());
  const Checkpoint checkpoint = Checkpoint::open(repo);
  const DType dtype = resolve_dtype(options, config, checkpoint);
  const Weights weights(checkpoint,
                        {.format = linear_format(options, dtype),
                         .base_model_prefix = entry->base_prefix,
                         .renames = entry->renames,
                         .ignore_unexpected = entry->ignore_unexpected,
                         .ignore_missing = entry->ignore_missing,
                         .ignore_mismatched_sizes = options.ignore_mismatched_sizes,
                         .initializer_range = config.number({"initializer_range"}, 0.02, 0, 1000)});
  std::unique_ptr<Model> model = entry->make(config, weights);
  LoadingReport report = weights.finish();
  report.dtype = dtype;
  report.quantize = options.quantize;
  report.files = checkpoint.files();
  if (!report.clean()) log(LogLevel::warning, report.text(entry->name, repo.name()));
  return PretrainedModel(ModelBuilder::finish(std::move(model), std::move(report), entry->name));
}

NamedTensors PretrainedModel::operator()(Context& ctx, const NamedTensors& inputs,
                                         const ForwardOptions& options) const {
  if (!model_) fail(ErrorCode::invalid_argument, "this PretrainedModel holds no model");
  return model_->forward(ctx, inputs, options);
}

NamedTensors PretrainedModel::operator()(const NamedTensors& inputs,
                                         const ForwardOptions& options) const {
  const NamedTensors outputs = (*this)(thread_context(), inputs, options);
  NamedTensors copies;
  for (const auto& [name, tensor] : outputs.entries()) copies.set(name, tensor.clone());
  return copies;
}

}  // namespace tern
