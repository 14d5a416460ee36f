// SPDX-License-Identifier: Apache-2.0
// Tokenizer::apply_chat_template: conversations to int64 tensors, as Transformers' of that name
// with tokenize=True.
#include <algorithm>

#include "../../engine/base/error.h"
#include "chat_template.h"
#include "pipeline.h"

namespace tern {

namespace {

using Spans = std::vector<std::pair<size_t, size_t>>;

[[noreturn]] void refuse(const char* message) {
  fail(ErrorCode::invalid_argument, cat("apply_chat_template: ", message));
}

/// What the call is made with.
TokenizeOptions call_options(const ChatOptions& options) {
  TokenizeOptions out = options.tokenizer_kwargs;
  if (out.padding || out.padding_strategy || out.truncation || out.truncation_strategy ||
      out.max_length != 0) {
    refuse(
        "padding, truncation and max_length are given beside tokenizer_kwargs, not as part of it");
  }
  out.add_special_tokens = false;
  out.padding = options.padding;
  out.padding_strategy = options.padding_strategy;
  // Said aloud, for a call truncates when it is told of a max_length and of nothing else.
  out.truncation_strategy =
      options.truncation ? TruncationStrategy::longest_first : TruncationStrategy::do_not_truncate;
  out.max_length = options.max_length;
  return out;
}

/// Marks the tokens that overlap a span, even one of which truncation has left a part. Spans and
/// offsets ascend; special tokens that a call adds and padding lie at (0, 0), before all spans.
void mark(const Encoding& row, const Spans& spans, int64_t* mask) {
  size_t span = 0;
  for (size_t i = 0; i < row.offsets.size(); ++i) {
    const auto begin = static_cast<size_t>(row.offsets[i].first),
               end = static_cast<size_t>(row.offsets[i].second);
    while (span < spans.size() && begin >= spans[span].second) ++span;
    if (span == spans.size()) return;
    mask[i] = end > spans[span].first;
  }
}

/// int64 [rows, length]. A window of a text that overflowed is marked by its own text's spans,
/// where Transformers takes those of the text that has the window's row number.
Tensor assistant_masks(const BatchEncoding& rows, const std::vector<RenderedChat>& chats) {
  const Tensor& ids = rows["input_ids"];
  Tensor out = Tensor::empty(DType::i64, ids.shape());
  const int64_t length = ids.shape()[1];
  std::fill_n(out.data<int64_t>(), ids.shape().numel(), 0);
  const Tensor& samples = rows.get("overflow_to_sample_mapping");
  for (size_t i = 0; i < rows.encodings.size(); ++i) {
    const size_t chat = samples ? static_cast<size_t>(samples.data<int64_t>()[i]) : i;
    mark(rows.encodings[i], chats[chat].assistant,
         out.data<int64_t>() + static_cast<int64_t>(i) * length);
  }
  return out;
}

}  // namespace

BatchEncoding Tokenizer::apply_chat_template(const hub::Json& messages,
                                             const ChatOptions& options) const {
  const bool batch = !messages.elements().empty() && messages.elements().front().is_array();
  if (options.return_assistant_tokens_mask && options.continue_final_message) {
    refuse("continue_final_message is not compatible with return_assistant_tokens_mask.");
  }
  const TokenizeOptions call = call_options(options);
  std::vector<RenderedChat> chats;
  if (batch) {
    chats = chat_template().render_batch(messages, options);
  } else {
    chats.push_back(chat_template().render(messages, options));
  }
  std::vector<std::string> texts;
  for (RenderedChat& chat : chats) texts.push_back(std::move(chat.text));
  BatchEncoding out = (*this)(texts, call);
  if (options.return_assistant_tokens_mask) {
    out.set("assistant_masks", assistant_masks(out, chats));
  }
  return out;
}

BatchEncoding Tokenizer::apply_chat_template(const hub::Json& messages) const {
  return apply_chat_template(messages, ChatOptions());
}

const ChatTemplate& Tokenizer::chat_template() const {
  return Pipeline::checked(pipeline_).chat;
}

}  // namespace tern
