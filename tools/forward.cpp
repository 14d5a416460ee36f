// SPDX-License-Identifier: Apache-2.0
// tern forward: runs a model on the tensors of a safetensors file and writes its outputs into
// another, so that a program in any language can compare implementations. Names are those of
// Transformers.
#include <cstring>
#include <type_traits>

#include "../engine/base/env.h"
#include "../engine/base/format.h"
#include "../engine/nn.h"
#include "../hub/formats/safetensors.h"
#include "../models/sentence_transformer.h"
#include "model_options.h"
#include "verbs.h"

namespace tern::cli {

namespace {

using hub::Json;

constexpr VerbHelp kHelp = {
    .usage = "tern forward MODEL --task CLASS --inputs FILE --outputs FILE [options]",
    .summary = "Runs a model once: tensors in, tensors out, both as safetensors files.",
    .examples =
        "  tern forward bert-base-uncased --task AutoModel --inputs in.safetensors \\\n"
        "               --outputs out.safetensors --set output_hidden_states=true\n"
        "  tern forward ./classifier --task BertForSequenceClassification --load num_labels=3 \\\n"
        "               --inputs in.safetensors --outputs out.safetensors --report report.json\n",
    .notes =
        "Inputs are named as the model's arguments (input_ids, attention_mask, …), outputs as\n"
        "Transformers names them; floats are written as F32, integers as I64.\n",
};

struct ForwardArguments {
  ModelOptions model;
  std::string task = "AutoModel", inputs, outputs, device = "cpu", report;
  std::vector<std::string> set, load;

  bool parse(const Arguments& arguments) {
    Options options(kHelp);
    model.declare_model(options);
    options.text("--task", "CLASS", task, "AutoModel, AutoModelForMaskedLM, …, or BertModel, …");
    options.text("--inputs", "FILE", inputs, "safetensors file with the input tensors");
    options.text("--outputs", "FILE", outputs, "safetensors file to write");
    options.repeated("--set", "KEY=JSON", set, "an argument of the call (output_attentions=true)");
    options.repeated("--load", "KEY=JSON", load, "an argument of from_pretrained (num_labels=3)");
    options.text("--report", "FILE", report, "write the loading report as JSON");
    options.text("--device", "DEVICE", device, "cpu (default)");
    model.declare_options(options);
    if (!options.parse(arguments)) return false;
    for (const auto& [name, value] :
         {std::pair("--inputs", inputs), std::pair("--outputs", outputs)}) {
      if (value.empty()) {
        fail(ErrorCode::invalid_argument,
             cat(name, " is required ('tern forward --help' shows how)"));
      }
    }
    if (device != "cpu") {
      fail(ErrorCode::unsupported, cat("--device ", device, ": this build runs on cpu only"));
    }
    return true;
  }
};

/// The members of key=JSON arguments; `option` names them in errors.
std::vector<Json::Member> parse_members(const std::vector<std::string>& arguments,
                                        std::string_view option) {
  std::vector<Json::Member> members;
  for (const std::string& argument : arguments) {
    const size_t equals = argument.find('=');
    if (equals == 0 || equals == std::string::npos) {
      fail(ErrorCode::invalid_argument, cat(option, " ", argument, ": expected key=JSON"));
    }
    try {
      members.emplace_back(argument.substr(0, equals),
                           Json::parse(std::string_view(argument).substr(equals + 1), option));
    } catch (const Error& error) {
      fail(ErrorCode::invalid_argument,
           cat(option, " ", argument,
               ": the value is no JSON (a text needs quotes): ", error.what()));
    }
  }
  return members;
}

void load_text(const Json::Member& member, std::string& target) {
  const auto text = member.second.string();
  if (!text) fail(ErrorCode::invalid_argument, cat("--load ", member.first, ": expected a string"));
  target = *text;
}

/// Arguments of from_pretrained itself are taken out; what is left overrides config.json.
void apply_load(std::vector<Json::Member> members, ModelOptions& model, LoadOptions& options) {
  std::vector<Json::Member> overrides;
  for (Json::Member& member : members) {
    const std::string& key = member.first;
    if (key == "revision") {
      load_text(member, model.revision);
    } else if (key == "subfolder") {
      load_text(member, model.subfolder);
    } else if (key == "cache_dir") {
      load_text(member, model.cache_dir);
    } else if (key == "dtype" || key == "torch_dtype") {
      load_text(member, model.dtype);
    } else if (key == "ignore_mismatched_sizes") {
      const auto value = member.second.boolean();
      if (!value)
        fail(ErrorCode::invalid_argument, cat("--load ", key, ": expected true or false"));
      options.ignore_mismatched_sizes = *value;
    } else if (key == "variant" && !member.second.is_null()) {
      fail(ErrorCode::unsupported, "--load variant: files of a variant are not read");
    } else if (key != "variant") {
      overrides.push_back(std::move(member));
    }
  }
  const bool ignore = options.ignore_mismatched_sizes;
  options = model.load();
  options.ignore_mismatched_sizes = ignore;
  if (!overrides.empty()) options.config_overrides = Json::object(std::move(overrides));
}

template <class T>
Tensor widened(const Tensor& source) {
  Tensor out = Tensor::empty(DType::i64, source.shape());
  const std::byte* bytes = source.raw();  // not aligned to T in a file
  for (int64_t i = 0; i < source.numel(); ++i) {
    T value;
    std::memcpy(&value, bytes + static_cast<size_t>(i) * sizeof(T), sizeof(T));
    out.data<int64_t>()[i] = static_cast<int64_t>(value);
  }
  return out;
}

/// As models read it and as outputs are written: floats f32, everything else i64.
Tensor in_plain_type(const Tensor& tensor, std::string_view name) {
  switch (tensor.dtype()) {
    case DType::boolean:
    case DType::u8:
      return widened<uint8_t>(tensor);
    case DType::i8:
      return widened<int8_t>(tensor);
    case DType::i16:
      return widened<int16_t>(tensor);
    case DType::u16:
      return widened<uint16_t>(tensor);
    case DType::i32:
      return widened<int32_t>(tensor);
    case DType::u32:
      return widened<uint32_t>(tensor);
    case DType::i64:
      return widened<int64_t>(tensor);
    case DType::u64:
      return widened<uint64_t>(tensor);
    case DType::f16:
    case DType::bf16:
    case DType::f32:
    case DType::f64:
      return to_f32(tensor).clone();
    default:
      fail(ErrorCode::unsupported, cat("tensor '", name, "' is ", to_string(tensor.dtype()),
                                       ": expected floats or integers"));
  }
}

NamedTensors read_inputs(const std::string& path) {
  const hub::SafetensorsFile file = hub::open_safetensors(path);
  NamedTensors inputs;
  for (const hub::TensorEntry& entry : file.header.tensors) {
    inputs.set(entry.name,
               in_plain_type(Tensor(file.storage, entry.dtype, Shape(entry.shape), entry.begin),
                             entry.name));
  }
  return inputs;
}

void write_outputs(const std::string& path, const NamedTensors& outputs) {
  std::vector<Tensor> kept;  // own the bytes until they are written
  std::vector<hub::TensorToWrite> tensors;
  for (const auto& [name, tensor] : outputs.entries()) {
    kept.push_back(in_plain_type(tensor.dense() ? tensor : tensor.clone(), name));
    const Tensor& plain = kept.back();
    const auto dims = plain.shape().dims();
    tensors.push_back(
        {name, plain.dtype(), {dims.begin(), dims.end()}, {plain.raw(), plain.bytes()}});
  }
  hub::write_safetensors(path, std::move(tensors));
}

Json strings(const std::vector<std::string>& values) {
  std::vector<Json> elements;
  for (const std::string& value : values) elements.push_back(Json::make(std::string_view(value)));
  return Json::array(std::move(elements));
}

void write_report(const std::string& path, const LoadingReport& report) {
  std::vector<Json> mismatched;
  for (const auto& m : report.mismatched_keys)
    mismatched.push_back(strings({m.name, m.found, m.expected}));
  const Json json = Json::object({{"missing_keys", strings(report.missing_keys)},
                                  {"unexpected_keys", strings(report.unexpected_keys)},
                                  {"mismatched_keys", Json::array(std::move(mismatched))},
                                  {"dtype", Json::make(to_string(report.dtype))}});
  const std::string text = json.dump() + "\n";
  env().write_file_atomic(path, as_bytes(text));
}

}  // namespace

int forward(const Arguments& arguments) {
  ForwardArguments options;
  if (!options.parse(arguments)) return 0;
  LoadOptions load;
  apply_load(parse_members(options.load, "--load"), options.model, load);
  const ForwardOptions call = {.arguments = Json::object(parse_members(options.set, "--set"))};
  options.model.apply();

  const NamedTensors inputs = read_inputs(options.inputs);
  const hub::Repo repo = options.model.open();
  const PretrainedModel model = load_model(options.task, repo, load);
  if (!options.report.empty()) write_report(options.report, model->loading_report());

  Context ctx;
  NamedTensors outputs = model(ctx, inputs, call);
  if (SentenceHead::present(repo) && outputs.contains("last_hidden_state")) {
    SentenceHead::from_repo(repo, model->hidden_size()).add_embedding(ctx, inputs, outputs);
  }
  write_outputs(options.outputs, outputs);
  return 0;
}

}  // namespace tern::cli
