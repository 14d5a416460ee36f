// SPDX-License-Identifier: Apache-2.0
// Tokenizer's call as in Transformers: a batch of texts or pairs to int64 tensors [batch, length].
#include <algorithm>

#include "../../engine/base/format.h"
#include "pipeline.h"

namespace tern {

namespace {

EncodeOptions encode_options(const Tokenizer::Pipeline& p, const TokenizeOptions& o) {
  EncodeOptions e;
  e.add_special_tokens = o.add_special_tokens;
  e.truncation_side = p.settings.truncation_side;
  e.strategy = o.truncation_strategy.value_or(o.truncation ? TruncationStrategy::longest_first
                                                           : TruncationStrategy::do_not_truncate);
  e.max_length = o.max_length > 0 ? o.max_length : p.settings.model_max_length;
  return e;
}

/// How to pad, or nothing.
std::optional<text::Padding> padding(const Tokenizer::Pipeline& p, const TokenizeOptions& o) {
  const auto strategy = o.padding_strategy.value_or(o.padding ? PaddingStrategy::longest
                                                              : PaddingStrategy::do_not_pad);
  if (strategy == PaddingStrategy::do_not_pad) return std::nullopt;
  if (p.settings.pad_id < 0) {
    fail(ErrorCode::invalid_argument,
         "padding was asked for, but this tokenizer has no pad token: set one in its files");
  }
  text::Padding how{.side = p.settings.padding_side,
                    .pad_id = p.settings.pad_id,
                    .pad_type_id = p.settings.pad_type_id,
                    .pad_token = p.settings.pad_token,
                    .length = std::nullopt,
                    .multiple = o.pad_to_multiple_of};
  const int64_t length = o.max_length > 0 ? o.max_length : p.settings.model_max_length;
  if (strategy == PaddingStrategy::max_length && length > 0) how.length = length;
  if (strategy == PaddingStrategy::max_length && length <= 0) return std::nullopt;
  return how;
}

void check(const TokenizeOptions& o) {
  const bool truncates = o.truncation || o.truncation_strategy;
  const bool pads = o.padding || o.padding_strategy;
  if (truncates && pads && o.pad_to_multiple_of > 0 && o.max_length % o.pad_to_multiple_of != 0) {
    fail(ErrorCode::invalid_argument,
         cat("max_length ", o.max_length, " is no multiple of pad_to_multiple_of ",
             o.pad_to_multiple_of, ", so that truncation and padding contradict each other"));
  }
}

NamedTensors tensors(const std::vector<Encoding>& batch, bool wants_type_ids) {
  const size_t length = batch.empty() ? 0 : batch[0].ids.size();
  for (size_t i = 0; i < batch.size(); ++i) {
    if (batch[i].ids.size() == length) continue;
    fail(ErrorCode::invalid_argument,
         cat("text 0 has ", length, " tokens and text ", i, " has ", batch[i].ids.size(),
             ": texts of unequal length make one tensor only with padding (and truncation)"));
  }
  const Shape shape{static_cast<int64_t>(batch.size()), static_cast<int64_t>(length)};
  Tensor ids = Tensor::empty(DType::i64, shape), types = Tensor::empty(DType::i64, shape);
  Tensor mask = Tensor::empty(DType::i64, shape);
  for (size_t i = 0; i < batch.size(); ++i) {
    std::copy(batch[i].ids.begin(), batch[i].ids.end(), ids.data<int64_t>() + i * length);
    std::copy(batch[i].type_ids.begin(), batch[i].type_ids.end(),
              types.data<int64_t>() + i * length);
    std::copy(batch[i].attention_mask.begin(), batch[i].attention_mask.end(),
              mask.data<int64_t>() + i * length);
  }
  NamedTensors out;
  out.set("input_ids", std::move(ids));
  if (wants_type_ids) out.set("token_type_ids", std::move(types));
  out.set("attention_mask", std::move(mask));
  return out;
}

NamedTensors call(const Tokenizer::Pipeline& p, std::vector<Encoding> batch,
                  const TokenizeOptions& o) {
  if (const auto how = padding(p, o)) text::pad(batch, *how, false);
  return tensors(batch, p.settings.wants_type_ids);
}

}  // namespace

NamedTensors Tokenizer::operator()(std::string_view text, const TokenizeOptions& options) const {
  return (*this)({text}, options);
}

NamedTensors Tokenizer::operator()(std::initializer_list<std::string_view> texts,
                                   const TokenizeOptions& options) const {
  if (!pipeline_) fail(ErrorCode::invalid_argument, "an empty Tokenizer was called");
  check(options);
  std::vector<Encoding> batch;
  for (const std::string_view text : texts) {
    batch.push_back(encode(text, encode_options(*pipeline_, options)));
  }
  return call(*pipeline_, std::move(batch), options);
}

NamedTensors Tokenizer::operator()(std::span<const std::string> texts,
                                   const TokenizeOptions& options) const {
  if (!pipeline_) fail(ErrorCode::invalid_argument, "an empty Tokenizer was called");
  check(options);
  std::vector<Encoding> batch;
  for (const std::string& text : texts) {
    batch.push_back(encode(text, encode_options(*pipeline_, options)));
  }
  return call(*pipeline_, std::move(batch), options);
}

NamedTensors Tokenizer::operator()(std::span<const std::pair<std::string, std::string>> pairs,
                                   const TokenizeOptions& options) const {
  if (!pipeline_) fail(ErrorCode::invalid_argument, "an empty Tokenizer was called");
  check(options);
  std::vector<Encoding> batch;
  for (const auto& [text, pair] : pairs) {
    batch.push_back(encode(text, pair, encode_options(*pipeline_, options)));
  }
  return call(*pipeline_, std::move(batch), options);
}

}  // namespace tern
