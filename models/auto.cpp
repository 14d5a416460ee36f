// SPDX-License-Identifier: Apache-2.0
// from_pretrained: config → class → checkpoint → weights by name → model → report.
#include "auto.h"

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "../engine/base/log.h"
#include "../engine/weight_stream.h"
#include "gguf_model.h"
#include "gguf_source.h"
#include "initialise.h"
#include "key_names.h"
#include "out_of_memory.h"
#include "packed_cache.h"
#include "placement.h"
#include "registry.h"

namespace tern {

/// Completes a model with what only the loader knows.
struct ModelBuilder {
  LoadingReport report;
  std::vector<Parameter> parameters;
  std::string class_name, generation_config = {};
  DeviceMap device_map = {};

  /// Marks what stays f32 in a float16 model: parameters with one of these parts in their names.
  void keep_in_f32(const std::vector<std::string_view>& parts) {
    if (report.dtype != DType::f16) return;
    for (Parameter& p : parameters) {
      const std::string name = cat(".", p.name, ".");
      for (const std::string_view part : parts) {
        p.keeps_f32 = p.keeps_f32 || name.find(cat(".", part, ".")) != std::string::npos;
      }
    }
  }

  ModelPtr finish(std::unique_ptr<Model> model) {
    model->report_ = std::move(report);
    model->parameters_ = std::move(parameters);
    model->class_name_ = std::move(class_name);
    model->generation_config_ = std::move(generation_config);
    model->device_map_ = std::move(device_map);
    return model;
  }
};

namespace {

constexpr const char* kConfig = "config.json";
constexpr const char* kGenerationConfig = "generation_config.json";

bool is_auto(const std::string& dtype) {
  return dtype == "auto" || dtype.empty();
}

std::string names_of(const std::vector<DType>& types) {
  std::string out;
  for (const DType dtype : types) out += cat(out.empty() ? "" : ", ", to_string(dtype));
  return out;
}

/// The dtype a model is loaded as, by Transformers' rule for "auto".
DType resolve_dtype(const LoadOptions& options, const Config& config,
                    const Checkpoint* checkpoint) {
  if (is_auto(options.dtype)) {
    if (const auto dtype = config.dtype()) return *dtype;
    if (!checkpoint) return DType::f32;
    // Products from blocks round their rows to int8 themselves: other weights stay as they are.
    if (!checkpoint->block_types().empty()) return DType::f32;
    return checkpoint->first_floating_dtype().value_or(DType::f32);
  }
  const auto dtype = dtype_from_string(options.dtype);
  if (dtype == DType::f32 || dtype == DType::bf16 || dtype == DType::f16) return *dtype;
  fail(ErrorCode::invalid_argument, cat("dtype is '", printable_name(options.dtype),
                                        "'; expected auto, float32, bfloat16 or float16"));
}

LinearFormat linear_format(const LoadOptions& options, DType dtype, bool from_blocks = false) {
  LinearFormat format;
  if (options.quantize.empty()) {
    format = LinearFormat::of(dtype);
    // Rows that become int8, keys and values: together with int8's rounding half a percent of
    // perplexity at most (tests/models/smollm2.cpp). Attention multiplies pairs of them.
    if (from_blocks && cpu_backend().multiplies_bf16()) format.narrow = DType::bf16;
    return format;
  }
  if (options.quantize == "int8") {
    format.weights = WeightFormat::int8;
  } else if (options.quantize == "int4") {
    format.weights = WeightFormat::int4;
  } else {
    fail(ErrorCode::invalid_argument, cat("quantize is '", printable_name(options.quantize),
                                          "'; expected int8, int4 or nothing"));
  }
  const bool narrow =
      !is_auto(options.dtype) ? dtype == DType::bf16 : cpu_backend().multiplies_bf16();
  format.narrow = narrow ? DType::bf16 : DType::f32;
  return format;
}

/// Weights of fewer bytes are packed when they are loaded: see LoadOptions::pack_at_load.
constexpr uint64_t kPackedAtOnce = uint64_t{512} << 20;

/// What there is to place: a model tells whose matrices all stay where they are.
ModelOutline outline_of(const ModelClass& entry, const Config& config, const Checkpoint& checkpoint,
                        WeightsOptions options) {
  options.format.store = nullptr;
  options.format.stream = std::make_shared<WeightStream>();
  options.devices = DeviceMap({{"", DeviceId{DeviceId::kDisk}}});
  const Weights weights(checkpoint, std::move(options));
  entry.make(config, weights);
  ModelOutline outline = weights.outline();
  outline.layers = numbered_modules(outline.entries);
  return outline;
}

Config read_config(const hub::Repo& repo, const LoadOptions& options) {
  if (!options.gguf_file.empty()) {
    return gguf_config(open_gguf(repo, options.gguf_file)).with(options.config_overrides);
  }
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

}  // namespace

Config AutoConfig::from_repo(const hub::Repo& repo, const LoadOptions& options) {
  return within_memory(repo.name(), [&] { return read_config(repo, options); });
}

Config AutoConfig::from_pretrained(const std::string& id_or_path, const LoadOptions& options) {
  return within_memory(id_or_path, [&] {
    LoadOptions own = options;
    const hub::Repo repo = open_pretrained(id_or_path, own, hub::WeightFiles::none);
    return read_config(repo, own);
  });
}

hub::Repo open_pretrained(const std::string& id_or_path, LoadOptions& options,
                          hub::WeightFiles weights) {
  return within_memory(id_or_path, [&] {
    Source source = open_source(id_or_path, options.repo_options(weights));
    options.gguf_file = std::move(source.gguf_file);
    return std::move(source.repo);
  });
}

hub::RepoOptions LoadOptions::repo_options(hub::WeightFiles weights) const {
  if (weights == hub::WeightFiles::automatic) {
    if (from_tf) {
      weights = hub::WeightFiles::tensorflow;
    } else if (from_flax) {
      weights = hub::WeightFiles::flax;
    } else if (use_safetensors) {
      weights = *use_safetensors ? hub::WeightFiles::safetensors : hub::WeightFiles::pytorch;
    }
  }
  return {.revision = revision,
          .gguf_file = gguf_file,
          .cache_dir = cache_dir,
          .subfolder = subfolder,
          .token = token,
          .local_files_only = local_files_only,
          .force_download = force_download,
          .weights = weights,
          .variant = variant};
}

CheckpointOptions LoadOptions::checkpoint_options(const Config& config) const {
  return {.use_safetensors = use_safetensors,
          .variant = variant,
          .from_tf = from_tf,
          .from_flax = from_flax,
          .weights_file = config.string({"transformers_weights"}, ""),
          .gguf_file = gguf_file};
}

static PretrainedModel build_model(std::string_view task, const hub::Repo& repo,
                                   const LoadOptions& options) {
  std::optional<hub::GgufFile> gguf;
  if (!options.gguf_file.empty()) gguf = open_gguf(repo, options.gguf_file);
  const Config config =
      gguf ? gguf_config(*gguf).with(options.config_overrides) : read_config(repo, options);
  const auto entry = find_model_class(task, config, repo.name());
  // What AWQ and GPTQ have packed is no view of a file when it is taken, and would not be kept.
  const bool keeps_packed = options.packed_cache.value_or(!options.quantize.empty()) &&
                            config.json()["quantization_config"].is_null();
  const std::string packed_folder = keeps_packed ? hub::packed_cache_dir() : "";
  CheckpointOptions files = options.checkpoint_options(config);
  files.populate = false;  // tensors are read in when they are taken, if they are
  Checkpoint checkpoint =
      gguf ? Checkpoint::from_gguf(*gguf, options.gguf_file) : Checkpoint::open(repo, files);
  if (!gguf) checkpoint.join_prequantized(config, repo.name());
  const DType dtype = resolve_dtype(options, config, &checkpoint);
  const bool keep_blocks = options.quantize.empty() && is_auto(options.dtype);
  LinearFormat format =
      linear_format(options, dtype, keep_blocks && !checkpoint.block_types().empty());
  std::shared_ptr<PackedCache> packed;
  if (!packed_folder.empty()) {
    packed = std::make_shared<PackedCache>(checkpoint, format, packed_folder);
    format.store = packed;
  }
  if (!options.pack_at_load.value_or(checkpoint.bytes() < kPackedAtOnce)) {
    format.turns = std::make_shared<PackingTurns>();
  }
  WeightsOptions wanted = {.format = format,
                           .base_model_prefix = entry->base_prefix,
                           .key_mapping = options.key_mapping,
                           .renames = entry->renames,
                           .ignore_unexpected = entry->ignore_unexpected,
                           .ignore_missing = entry->ignore_missing,
                           .ignore_mismatched_sizes = options.ignore_mismatched_sizes,
                           .unpack_blocks = keep_blocks ? std::nullopt : std::optional(dtype),
                           .initializer_range = initial_deviation(config),
                           .dtype = dtype};
  wanted.devices = place_modules(options.device_map, options.max_memory,
                                 [&] { return outline_of(*entry, config, checkpoint, wanted); });
  if (uses_disk(wanted.devices)) {
    if (!options.quantize.empty()) {
      fail(ErrorCode::unsupported,
           cat(repo.name(),
               ": quantize makes weights anew, which are then in memory, but "
               "device_map sends some to disk: leave one of the two out, or give "
               "max_memory more"));
    }
    wanted.format.stream = std::make_shared<WeightStream>();
  }
  const Weights weights(checkpoint, wanted);
  std::unique_ptr<Model> model = entry->make(config, weights);
  LoadingReport report = weights.finish();
  if (const auto& names = weights.brought_in(); !names.empty()) {
    log(LogLevel::warning,
        cat(repo.name(), ": device_map sends ", names.size(),
            " tensors to disk that layers cannot ",
            "run from as the file has them, so they are in memory: '", printable_name(names[0]),
            "', … (save_pretrained makes files that need no conversion)"));
  }
  if (packed) packed->finish();
  report.dtype = dtype;
  report.quantize = keep_blocks ? names_of(checkpoint.block_types()) : options.quantize;
  report.files = checkpoint.files();
  if (!report.clean()) log(LogLevel::warning, report.text(entry->name, repo.name()));
  ModelBuilder builder{.report = std::move(report),
                       .parameters = weights.parameters(),
                       .class_name = entry->name,
                       .generation_config = repo.read_if_exists(kGenerationConfig).value_or(""),
                       .device_map = std::move(wanted.devices)};
  builder.keep_in_f32(entry->keep_in_f32);
  return PretrainedModel(builder.finish(std::move(model)));
}

static PretrainedModel build_model(std::string_view task, const Config& config,
                                   const InitOptions& options) {
  const auto entry = find_model_class(task, config, config.what());
  const LoadOptions as_loaded{.dtype = options.dtype, .quantize = options.quantize};
  const DType dtype = resolve_dtype(as_loaded, config, nullptr);
  const Weights weights({.format = linear_format(as_loaded, dtype),
                         .base_model_prefix = entry->base_prefix,
                         .initializer_range = initial_deviation(config),
                         .dtype = dtype,
                         .seed = options.seed});
  std::unique_ptr<Model> model = entry->make(config, weights);
  ModelBuilder builder{
      .report = weights.finish(), .parameters = weights.parameters(), .class_name = entry->name};
  builder.report.dtype = dtype;
  builder.report.quantize = options.quantize;
  builder.keep_in_f32(entry->keep_in_f32);
  return PretrainedModel(builder.finish(std::move(model)));
}

PretrainedModel initialise_model(std::string_view task, const Config& config,
                                 const InitOptions& options) {
  return within_memory(config.what(), [&] { return build_model(task, config, options); });
}

PretrainedModel load_model(std::string_view task, const hub::Repo& repo,
                           const LoadOptions& options) {
  return within_memory(repo.name(), [&] { return build_model(task, repo, options); });
}

PretrainedModel load_pretrained(std::string_view task, const std::string& id_or_path,
                                const LoadOptions& options) {
  return within_memory(id_or_path, [&] {
    LoadOptions own = options;
    const hub::Repo repo = open_pretrained(id_or_path, own);
    return build_model(task, repo, own);
  });
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
