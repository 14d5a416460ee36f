// SPDX-License-Identifier: Apache-2.0
#include "prompts.h"

#include <algorithm>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "../blocks/text_inputs.h"

namespace tern {

namespace {

std::vector<int64_t> start_tokens(const GenerationConfig& c, int64_t rows) {
  std::vector<int64_t> start = c.decoder_start_token_id;
  if (start.empty() && c.bos_token_id) start.push_back(*c.bos_token_id);
  if (start.empty()) {
    fail(ErrorCode::invalid_argument,
         "generate: an encoder-decoder needs decoder_start_token_id or bos_token_id to begin with");
  }
  if (start.size() == 1) start.resize(static_cast<size_t>(rows), start.front());
  if (static_cast<int64_t>(start.size()) == rows) return start;
  fail(ErrorCode::invalid_argument, cat("generate: decoder_start_token_id has ", start.size(),
                                        " tokens for ", rows, " rows; expected one or as many"));
}

/// Where the tokens of all rows stand, padding too; empty: as many tokens as are before each.
std::vector<int64_t> prompt_places(const PaddedBatch& batch, bool positions_count_padding) {
  std::vector<int64_t> places = batch.position_ids;
  const bool hides = std::count(batch.key_mask.begin(), batch.key_mask.end(), 0) > 0;
  if (places.empty() && hides && positions_count_padding) {
    for (int64_t i = 0; i < batch.rows * batch.length; ++i) places.push_back(i % batch.length);
  }
  for (const int64_t place : places) {
    if (place >= 0 && place <= INT32_MAX) continue;
    fail(ErrorCode::invalid_argument,
         cat("generate: position_ids has ", place, ", outside [0, 2^31)"));
  }
  return places;
}

/// Of [rows · length] values those of one row's tokens that are not hidden, then that of its last
/// column, which Transformers goes on from.
std::vector<int64_t> column(const PaddedBatch& batch, const std::vector<int64_t>& values,
                            int64_t row) {
  std::vector<int64_t> out;
  const auto begin = static_cast<size_t>(row * batch.length);
  const size_t end = begin + static_cast<size_t>(batch.length);
  for (size_t i = begin; i < end; ++i) {
    if (batch.key_mask.empty() || batch.key_mask[i] != 0) out.push_back(values[i]);
  }
  out.push_back(values[end - 1]);
  return out;
}

std::span<const int64_t> row_of(const PaddedBatch& batch, int64_t row) {
  return std::span(batch.input_ids)
      .subspan(static_cast<size_t>(row * batch.length), static_cast<size_t>(batch.length));
}

}  // namespace

NamedTensors with_mask(const NamedTensors& inputs, const GenerationConfig& config) {
  NamedTensors out = inputs;
  const Tensor& given = inputs.get("input_ids");
  const auto pad = config.pad_token_id;
  if (inputs.get("attention_mask") || !given || !pad) return out;
  const auto& ends = config.eos_token_id;
  if (std::find(ends.begin(), ends.end(), *pad) != ends.end()) return out;
  std::vector<int64_t> mask = int64_values(given, "input_ids");
  if (std::find(mask.begin(), mask.end(), *pad) == mask.end()) return out;
  for (int64_t& id : mask) id = id != *pad;
  out.set("attention_mask", Tensor::from<int64_t>(mask, given.shape()));
  return out;
}

Prompts read_prompts(const Model& model, const NamedTensors& inputs, bool positions_count_padding) {
  const PaddedBatch batch = read_text_inputs(inputs, {.token_types = model.has_token_types()});
  if (batch.input_ids.empty()) {
    fail(ErrorCode::unsupported, "generate: inputs_embeds are not supported; give input_ids");
  }
  const std::vector<int64_t> places = prompt_places(batch, positions_count_padding);
  Prompts out;
  out.length = batch.length;
  for (int64_t row = 0; row < batch.rows; ++row) {
    const auto at = static_cast<size_t>(row * batch.length);
    const std::span<const int64_t> ids = row_of(batch, row);
    out.whole.emplace_back(ids.begin(), ids.end());
    std::vector<int64_t> real;
    int64_t padding = 0;
    for (size_t i = 0; i < ids.size(); ++i) {
      if (batch.key_mask.empty() || batch.key_mask[at + i] != 0) real.push_back(ids[i]);
      if (real.empty()) ++padding;
    }
    if (real.empty()) {
      fail(ErrorCode::invalid_argument,
           cat("generate: row ", row, " of attention_mask is all 0: no prompt"));
    }
    out.real.push_back(std::move(real));
    out.padding.push_back(padding);
    if (!places.empty()) {
      out.columns.positions.push_back(column(batch, places, row));
      ++out.columns.positions.back().back();
    }
    if (!batch.token_type_ids.empty())
      out.columns.types.push_back(column(batch, batch.token_type_ids, row));
  }
  return out;
}

Prompts take_negative_prompts(const Model& model, NamedTensors& inputs) {
  NamedTensors own, others;
  for (const auto& [name, tensor] : inputs.entries()) {
    if (name == "negative_prompt_ids") {
      own.set("input_ids", tensor);
    } else if (name == "negative_prompt_attention_mask") {
      own.set("attention_mask", tensor);
    } else {
      others.set(name, tensor);
    }
  }
  inputs = std::move(others);
  if (own.entries().empty()) return {};
  try {
    return read_prompts(model, own, true);
  } catch (const Error& e) {
    fail(e.code(), cat("generate: of negative_prompt_ids and their mask: ", e.what()));
  }
}

TokenRows source_rows(const NamedTensors& inputs) {
  const Tensor& given = inputs.get("input_ids");
  TokenRows out;
  if (!given) return out;
  const std::vector<int64_t> ids = int64_values(given, "input_ids");
  const auto width = static_cast<std::ptrdiff_t>(given.shape().back());
  for (auto at = ids.begin(); at != ids.end(); at += width) out.emplace_back(at, at + width);
  return out;
}

Prompts read_decoder_prompts(const NamedTensors& inputs, const GenerationConfig& config) {
  const Tensor& source = inputs.get(inputs.contains("input_ids") ? "input_ids" : "inputs_embeds");
  // Where there are none the encoder refuses them.
  const int64_t sources =
      source && source.numel() > 0 && source.shape().rank() > 0 ? source.dim(0) : 1;
  const std::vector<int64_t> start = start_tokens(config, sources);
  Prompts out;
  for (const int64_t token : start) out.whole.push_back({token});
  const NamedTensors given = split_decoder_inputs(inputs).decoder;
  if (!given.entries().empty()) {
    const PaddedBatch batch = read_text_inputs(
        given, {.token_types = false, .positions = false, .prefix = kDecoderPrefix});
    const bool hides = std::count(batch.key_mask.begin(), batch.key_mask.end(), 0) > 0;
    if (batch.input_ids.empty() || hides) {
      fail(
          ErrorCode::unsupported,
          "generate: decoder_inputs_embeds, or a decoder_attention_mask that hides tokens, are not "
          "supported; give decoder_input_ids alone");
    }
    if (batch.rows != sources) {
      fail(ErrorCode::invalid_argument,
           cat("generate: decoder_input_ids have ", batch.rows, " rows, but input_ids ", sources));
    }
    bool begun = false;
    for (int64_t row = 0; row < sources; ++row)
      begun = begun || row_of(batch, row).front() == start[static_cast<size_t>(row)];
    for (int64_t row = 0; row < sources; ++row) {
      std::vector<int64_t>& ids = out.whole[static_cast<size_t>(row)];
      if (begun) ids.clear();
      const std::span<const int64_t> more = row_of(batch, row);
      ids.insert(ids.end(), more.begin(), more.end());
    }
  }
  out.real = out.whole;
  out.length = static_cast<int64_t>(out.whole.front().size());
  return out;
}

}  // namespace tern
