// SPDX-License-Identifier: Apache-2.0
// Tokenizer's call as in Transformers: a batch of texts, pairs or word lists to int64 tensors.
#include <algorithm>
#include <exception>

#include "../../engine/base/format.h"
#include "../../engine/threads.h"
#include "pipeline.h"

namespace tern {

namespace {

/// A batch of less is not worth waking threads for.
constexpr size_t kParallelBytes = 8192;

/// The options with what Transformers derives from them.
struct Call {
  TruncationStrategy truncation;
  PaddingStrategy padding;
  int64_t max_length;  // 0: none
  const TokenizeOptions& options;

  Call(const Tokenizer::Pipeline& p, const TokenizeOptions& o) : options(o) {
    const bool truncates = o.truncation || o.truncation_strategy;
    const bool pads = o.padding || o.padding_strategy;
    const bool alone = o.max_length > 0 && !pads && !truncates;
    truncation =
        o.truncation_strategy.value_or(o.truncation || alone ? TruncationStrategy::longest_first
                                                             : TruncationStrategy::do_not_truncate);
    padding = o.padding_strategy.value_or(o.padding ? PaddingStrategy::longest
                                                    : PaddingStrategy::do_not_pad);
    max_length = o.max_length > 0 ? o.max_length : p.settings.model_max_length;
    if (o.max_length < 0 || o.stride < 0 || o.pad_to_multiple_of < 0) {
      fail(ErrorCode::invalid_argument,
           "max_length, stride and pad_to_multiple_of must not be negative");
    }
    if (truncation != TruncationStrategy::do_not_truncate &&
        padding != PaddingStrategy::do_not_pad && o.pad_to_multiple_of > 0 &&
        max_length % o.pad_to_multiple_of != 0) {
      fail(ErrorCode::invalid_argument,
           cat("max_length ", max_length, " is no multiple of pad_to_multiple_of ",
               o.pad_to_multiple_of, ", so that truncation and padding contradict each other"));
    }
    if (padding == PaddingStrategy::max_length && max_length <= 0) {
      padding = PaddingStrategy::do_not_pad;
    }
    if (padding != PaddingStrategy::do_not_pad && p.settings.pad_id < 0) {
      fail(ErrorCode::invalid_argument,
           "padding was asked for, but this tokenizer has no pad token: set one in its files");
    }
  }
};

EncodeOptions encode_options(const Tokenizer::Pipeline& p, const Call& call) {
  const TokenizeOptions& o = call.options;
  return {.add_special_tokens = o.add_special_tokens,
          .want_offsets = true,
          .want_tokens = o.return_tokens,
          .split_special_tokens = o.split_special_tokens.value_or(p.settings.split_special_tokens),
          .max_length = call.max_length,
          .strategy = call.truncation,
          .truncation_side = o.truncation_side.value_or(p.settings.truncation_side),
          .stride = o.stride,
          .want_overflow = o.return_overflowing_tokens};
}

text::Padding padding(const Tokenizer::Pipeline& p, const Call& call) {
  text::Padding how{.side = call.options.padding_side.value_or(p.settings.padding_side),
                    .pad_id = p.settings.pad_id,
                    .pad_type_id = p.settings.pad_type_id,
                    .pad_token = p.settings.pad_token,
                    .length = std::nullopt,
                    .multiple = call.options.pad_to_multiple_of};
  if (call.padding == PaddingStrategy::max_length) how.length = call.max_length;
  return how;
}

/// int64 [rows, length] of a member of each encoding.
Tensor table(const std::vector<Encoding>& rows, auto Encoding::*member) {
  const size_t length = rows.empty() ? 0 : rows[0].ids.size();
  Tensor out =
      Tensor::empty(DType::i64, {static_cast<int64_t>(rows.size()), static_cast<int64_t>(length)});
  int64_t* to = out.data<int64_t>();
  for (const Encoding& row : rows) to = std::copy_n((row.*member).begin(), length, to);
  return out;
}

Tensor offset_table(const std::vector<Encoding>& rows) {
  const int64_t length = rows.empty() ? 0 : static_cast<int64_t>(rows[0].ids.size());
  Tensor out = Tensor::empty(DType::i64, {static_cast<int64_t>(rows.size()), length, 2});
  int64_t* to = out.data<int64_t>();
  for (const Encoding& row : rows) {
    for (const auto& [begin, end] : row.offsets) *to++ = begin, *to++ = end;
  }
  return out;
}

Tensor list(const std::vector<int64_t>& values) {
  Tensor out = Tensor::empty(DType::i64, {static_cast<int64_t>(values.size())});
  std::copy(values.begin(), values.end(), out.data<int64_t>());
  return out;
}

void check_lengths(const std::vector<Encoding>& rows) {
  const size_t length = rows.empty() ? 0 : rows[0].ids.size();
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].ids.size() == length) continue;
    fail(ErrorCode::invalid_argument,
         cat("text 0 has ", length, " tokens and text ", i, " has ", rows[i].ids.size(),
             ": texts of unequal length make one tensor only with padding (and truncation)"));
  }
}

/// Calls encode(i) for every text, on several threads when there is enough to do. What the first
/// failing text throws is thrown.
std::vector<Encoding> encode_all(size_t count, size_t bytes, const auto& encode) {
  std::vector<Encoding> out(count);
  if (count < 2 || bytes < kParallelBytes) {
    for (size_t i = 0; i < count; ++i) out[i] = encode(i);
    return out;
  }
  std::vector<std::exception_ptr> failures(count);
  const auto tile = [&](int64_t t, int) {
    const auto i = static_cast<size_t>(t);
    try {
      out[i] = encode(i);
    } catch (...) {
      failures[i] = std::current_exception();
    }
  };
  ThreadPool::shared().parallel_for(static_cast<int64_t>(count), tile);
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
  return out;
}

/// Every window becomes a row behind its text; returns the text of each row.
std::vector<int64_t> unfold(std::vector<Encoding>& batch) {
  std::vector<Encoding> rows;
  std::vector<int64_t> samples;
  for (size_t i = 0; i < batch.size(); ++i) {
    std::vector<Encoding> windows = std::move(batch[i].overflowing);
    batch[i].overflowing.clear();
    rows.push_back(std::move(batch[i]));
    for (Encoding& window : windows) rows.push_back(std::move(window));
    samples.resize(rows.size(), static_cast<int64_t>(i));
  }
  batch.swap(rows);
  return samples;
}

BatchEncoding call(const Tokenizer::Pipeline& p, const Call& how, std::vector<Encoding> rows) {
  const TokenizeOptions& o = how.options;
  BatchEncoding out;
  std::vector<int64_t> samples;
  if (o.return_overflowing_tokens) samples = unfold(rows);
  if (how.padding != PaddingStrategy::do_not_pad) text::pad(rows, padding(p, how));
  check_lengths(rows);
  out.set("input_ids", table(rows, &Encoding::ids));
  if (o.return_token_type_ids.value_or(p.settings.wants_type_ids)) {
    out.set("token_type_ids", table(rows, &Encoding::type_ids));
  }
  if (o.return_attention_mask) out.set("attention_mask", table(rows, &Encoding::attention_mask));
  if (o.return_special_tokens_mask) {
    out.set("special_tokens_mask", table(rows, &Encoding::special_tokens_mask));
  }
  if (o.return_offsets_mapping) out.set("offset_mapping", offset_table(rows));
  if (o.return_length) {
    std::vector<int64_t> lengths;
    for (const Encoding& row : rows) lengths.push_back(static_cast<int64_t>(row.ids.size()));
    out.set("length", list(lengths));
  }
  if (o.return_overflowing_tokens) out.set("overflow_to_sample_mapping", list(samples));
  out.encodings = std::move(rows);
  return out;
}

size_t total_bytes(const auto& texts, const auto& bytes_of) {
  size_t bytes = 0;
  for (const auto& text : texts) bytes += bytes_of(text);
  return bytes;
}

}  // namespace

BatchEncoding Tokenizer::operator()(std::string_view text, const TokenizeOptions& options) const {
  return (*this)({text}, options);
}

BatchEncoding Tokenizer::operator()(std::initializer_list<std::string_view> texts,
                                    const TokenizeOptions& options) const {
  const Pipeline& p = Pipeline::checked(pipeline_);
  const Call how(p, options);
  const EncodeOptions o = encode_options(p, how);
  const size_t bytes = total_bytes(texts, [](std::string_view t) { return t.size(); });
  return call(p, how, encode_all(texts.size(), bytes, [&](size_t i) {
                return encode(texts.begin()[i], o);
              }));
}

BatchEncoding Tokenizer::operator()(std::span<const std::string> texts,
                                    const TokenizeOptions& options) const {
  const Pipeline& p = Pipeline::checked(pipeline_);
  const Call how(p, options);
  const EncodeOptions o = encode_options(p, how);
  const size_t bytes = total_bytes(texts, [](const std::string& t) { return t.size(); });
  return call(p, how,
              encode_all(texts.size(), bytes, [&](size_t i) { return encode(texts[i], o); }));
}

BatchEncoding Tokenizer::operator()(std::span<const std::pair<std::string, std::string>> pairs,
                                    const TokenizeOptions& options) const {
  const Pipeline& p = Pipeline::checked(pipeline_);
  const Call how(p, options);
  const EncodeOptions o = encode_options(p, how);
  const size_t bytes =
      total_bytes(pairs, [](const auto& t) { return t.first.size() + t.second.size(); });
  BatchEncoding out = call(p, how, encode_all(pairs.size(), bytes, [&](size_t i) {
                             return encode(pairs[i].first, pairs[i].second, o);
                           }));
  out.sequences = 2;
  return out;
}

BatchEncoding Tokenizer::operator()(std::span<const std::vector<std::string>> texts,
                                    const TokenizeOptions& options) const {
  const Pipeline& p = Pipeline::checked(pipeline_);
  const Call how(p, options);
  const EncodeOptions o = encode_options(p, how);
  const size_t bytes = total_bytes(texts, [](const std::vector<std::string>& words) {
    return total_bytes(words, [](const std::string& word) { return word.size(); });
  });
  return call(p, how,
              encode_all(texts.size(), bytes, [&](size_t i) { return encode_words(texts[i], o); }));
}

}  // namespace tern
