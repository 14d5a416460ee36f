// SPDX-License-Identifier: Apache-2.0
#include "text_inputs.h"

#include <algorithm>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"

namespace tern {

namespace {

template <class T>
void append_as_int64(const Tensor& x, std::vector<int64_t>& out) {
  const T* values = x.data<T>();
  for (int64_t i = 0; i < x.numel(); ++i) out.push_back(static_cast<int64_t>(values[i]));
}

/// Masks come as floats too; anything but 0 counts, and a NaN does.
void append_nonzero(const Tensor& x, std::vector<int64_t>& out) {
  const float* values = x.data<float>();
  for (int64_t i = 0; i < x.numel(); ++i) out.push_back(values[i] != 0.0f ? 1 : 0);
}

void check_names(const NamedTensors& inputs, const TextInputRules& rules) {
  std::vector<std::string_view> names = {"input_ids", "attention_mask"};
  if (rules.token_types) names.push_back("token_type_ids");
  if (rules.positions) names.push_back("position_ids");
  names.push_back("inputs_embeds");
  for (const NamedTensors::Entry& entry : inputs.entries()) {
    const std::string_view name = entry.first;
    const bool fits = name.starts_with(rules.prefix);
    const std::string_view own = name.substr(fits ? rules.prefix.size() : 0);
    if (fits && std::find(names.begin(), names.end(), own) != names.end()) continue;
    std::string known;
    for (const std::string_view n : names) known += cat(known.empty() ? "" : ", ", rules.prefix, n);
    fail(ErrorCode::invalid_argument, cat("unknown input '", name, "'; this model takes ", known, rules.others));
  }
}

/// Shape of the ids: [batch, length] or [batch, choices, length], nothing empty.
void set_shape(PaddedBatch& batch, const Shape& shape, std::string_view name, bool choices) {
  const size_t rank = choices ? 3 : 2;
  if (shape.rank() != rank || shape.numel() == 0) {
    fail(ErrorCode::invalid_argument,
         cat(name, " has shape ", shape.to_string(), "; expected ",
             choices ? "[batch, choices, length]" : "[batch, length]", ", not empty"));
  }
  batch.length = shape[rank - 1];
  batch.rows = shape.numel() / batch.length;
  batch.choices = choices ? shape[1] : 0;
}

/// [rows · length] values of an input of the ids' shape, or of one row that serves all.
std::vector<int64_t> read_rows(const NamedTensors& inputs, std::string_view name,
                               const PaddedBatch& batch) {
  const Tensor& x = inputs.get(name);
  if (!x) return {};
  const size_t rank = batch.choices > 0 ? 3 : 2;
  if (name.ends_with("attention_mask") && x.shape().rank() > rank) {
    fail(ErrorCode::unsupported, cat(name, " has shape ", x.shape().to_string(),
                                     "; only one value per token is supported"));
  }
  const bool fits = x.shape().rank() == rank && x.shape().back() == batch.length &&
                    (x.numel() == batch.rows * batch.length || x.numel() == batch.length);
  if (!fits) {
    fail(ErrorCode::invalid_argument,
         cat(name, " has shape ", x.shape().to_string(), "; expected ", batch.rows, " rows of ",
             batch.length, " values like the other inputs"));
  }
  std::vector<int64_t> values = int64_values(x, name);
  const size_t whole = static_cast<size_t>(batch.rows * batch.length);
  const size_t row = static_cast<size_t>(batch.length);
  values.reserve(whole);
  while (values.size() < whole) values.push_back(values[values.size() - row]);
  return values;
}

}  // namespace

std::vector<int64_t> int64_values(const Tensor& x, std::string_view name) {
  const Tensor dense = x.dense() ? x : x.clone();
  std::vector<int64_t> out;
  out.reserve(static_cast<size_t>(dense.numel()));
  switch (dense.dtype()) {
    case DType::i64:
      append_as_int64<int64_t>(dense, out);
      break;
    case DType::i32:
      append_as_int64<int32_t>(dense, out);
      break;
    case DType::i16:
      append_as_int64<int16_t>(dense, out);
      break;
    case DType::i8:
      append_as_int64<int8_t>(dense, out);
      break;
    case DType::boolean:
    case DType::u8:
      append_as_int64<uint8_t>(dense, out);
      break;
    case DType::u16:
      append_as_int64<uint16_t>(dense, out);
      break;
    case DType::u32:
      append_as_int64<uint32_t>(dense, out);
      break;
    case DType::f32:
      if (name.ends_with("attention_mask")) {
        append_nonzero(dense, out);
        break;
      }
      [[fallthrough]];
    default:
      fail(ErrorCode::invalid_argument,
           cat(name, " is ", to_string(x.dtype()), "; expected an integer type"));
  }
  return out;
}

SplitInputs split_decoder_inputs(const NamedTensors& inputs) {
  SplitInputs out;
  for (const auto& [name, tensor] : inputs.entries()) {
    (name.starts_with(kDecoderPrefix) ? out.decoder : out.encoder).set(name, tensor);
  }
  return out;
}

TokenBatch PaddedBatch::tokens() const {
  return {.input_ids = input_ids,
          .token_type_ids = token_type_ids,
          .position_ids = position_ids,
          .segments = segments(),
          .inputs_embeds = inputs_embeds};
}

Segments PaddedBatch::segments() const {
  return {.sequences = sequences, .key_mask = key_mask.empty() ? nullptr : key_mask.data()};
}

PaddedBatch read_text_inputs(const NamedTensors& inputs, const TextInputRules& rules) {
  check_names(inputs, rules);
  const auto named = [&](std::string_view name) { return cat(rules.prefix, name); };
  const std::string ids_name = named("input_ids"), embeds_name = named("inputs_embeds");
  const Tensor& ids = inputs.get(ids_name);
  const Tensor& embeds = inputs.get(embeds_name);
  if (static_cast<bool>(ids) == static_cast<bool>(embeds)) {
    fail(ErrorCode::invalid_argument,
         cat("give either ", ids_name, " or ", embeds_name, ", and not both"));
  }
  PaddedBatch batch;
  if (ids) {
    set_shape(batch, ids.shape(), ids_name, rules.choices);
    batch.input_ids = int64_values(ids, ids_name);
  } else {
    const Shape& shape = embeds.shape();
    if (shape.rank() == 0 || shape.back() != rules.hidden || embeds.dtype() != DType::f32) {
      fail(ErrorCode::invalid_argument,
           cat(embeds_name, " is ", to_string(embeds.dtype()), " ", shape.to_string(),
               "; expected float32 [batch, length, ", rules.hidden, "]"));
    }
    set_shape(batch, Shape(shape.dims().first(shape.rank() - 1)), embeds_name, rules.choices);
    const Tensor dense = embeds.dense() ? embeds : embeds.clone();
    batch.inputs_embeds = dense.reshape({batch.rows * batch.length, rules.hidden});
  }
  batch.token_type_ids = read_rows(inputs, named("token_type_ids"), batch);
  batch.position_ids = read_rows(inputs, named("position_ids"), batch);
  for (const int64_t value : read_rows(inputs, named("attention_mask"), batch)) {
    batch.key_mask.push_back(value != 0 ? 1 : 0);
  }
  for (int64_t row = 0; row < batch.rows; ++row) {
    batch.sequences.push_back({row * batch.length, (row + 1) * batch.length});
  }
  return batch;
}

TextArguments read_text_arguments(const hub::Json& arguments, const Config& config, bool decoder) {
  if (!arguments.is_null() && !arguments.is_object()) {
    fail(ErrorCode::invalid_argument,
         cat("arguments must be a JSON object, found ", arguments.dump()));
  }
  for (const auto& [name, value] : arguments.members()) {
    const bool known = name == "output_hidden_states" || name == "output_attentions" ||
                       name == "return_dict" || (decoder && name == "use_cache");
    if (known) continue;
    fail(ErrorCode::invalid_argument,
         cat("unknown argument '", name, "'; this model takes output_hidden_states, return_dict",
             decoder ? ", use_cache" : ""));
  }
  const Config given(arguments.is_null() ? hub::Json::object({}) : arguments, "arguments");
  given.boolean({"return_dict"}, true);
  given.boolean({"use_cache"}, true);
  if (given.boolean({"output_attentions"}, config.boolean({"output_attentions"}, false))) {
    fail(ErrorCode::unsupported,
         "output_attentions: attention probabilities are never in memory here");
  }
  return {given.boolean({"output_hidden_states"}, config.boolean({"output_hidden_states"}, false))};
}

}  // namespace tern
