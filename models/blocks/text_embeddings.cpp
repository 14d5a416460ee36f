// SPDX-License-Identifier: Apache-2.0
#include "text_embeddings.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "../initialise.h"

namespace tern {

namespace {

void check_ids(std::string_view name, std::span<const int64_t> ids, int64_t entries,
               std::string_view limit_and_cause) {
  const auto bad =
      std::find_if(ids.begin(), ids.end(), [&](int64_t id) { return id < 0 || id >= entries; });
  if (bad == ids.end()) return;
  fail(ErrorCode::invalid_argument, cat(name, ": token ", bad - ids.begin(), " has ", *bad,
                                        ", outside [0, ", entries, ") ", limit_and_cause));
}

void check_count(std::string_view name, size_t found, int64_t tokens) {
  if (found == static_cast<size_t>(tokens)) return;
  fail(ErrorCode::invalid_argument, cat(name, ": ", found, " values for ", tokens, " tokens"));
}

std::span<const int64_t> ids_of(const Tensor& t) {
  return {t.data<int64_t>(), static_cast<size_t>(t.numel())};
}

}  // namespace

EmbeddingSizes EmbeddingSizes::from(const Config& c, int64_t hidden) {
  const int64_t vocab = c.integer({"vocab_size"}, 30522, 1, int64_t{1} << 31);
  return {.vocab = vocab,
          .positions = c.integer({"max_position_embeddings"}, 512, 1, 1 << 24),
          .hidden = hidden,
          .types = c.integer({"type_vocab_size"}, 2, 1, 65536),
          .pad_id = c.integer({"pad_token_id"}, 0, -1, int64_t{1} << 31),
          .positions_after_pad = false,
          .zero_row = padding_row(c, "pad_token_id", 0, vocab),
          .eps = c.number({"layer_norm_eps"}, 1e-12, 0, 1)};
}

TextEmbeddings::TextEmbeddings(const EmbeddingSizes& sizes, const Weights& w) : sizes_(sizes) {
  if (sizes.max_length() < 1) {
    fail(ErrorCode::invalid_argument,
         cat("max_position_embeddings is ", sizes.positions, " and pad_token_id ", sizes.pad_id,
             ": positions start behind the padding id, so none is left"));
  }
  words_ = make_embedding(w / "word_embeddings", sizes.vocab, sizes.hidden,
                          Init::padded(sizes.zero_row));
  positions_ = make_embedding(w / "position_embeddings", sizes.positions, sizes.hidden,
                              {.zero_row = sizes.positions_after_pad ? sizes.zero_row : -1,
                               .values = sizes.initial_positions});
  if (sizes.types > 0)
    types_ = make_embedding(w / "token_type_embeddings", sizes.types, sizes.hidden);
  norm_ = make_layer_norm(w / "LayerNorm", sizes.hidden, sizes.eps);
}

/// [tokens] i64 by the architecture's rule; a sequence that is too long is invalid_argument.
Tensor TextEmbeddings::position_ids(Context& ctx, const TokenBatch& batch) const {
  Tensor out = ctx.arena().tensor(DType::i64, {batch.segments.tokens()});
  int64_t* position = out.data<int64_t>();
  for (const Segment& s : batch.segments.sequences) {
    int64_t next = sizes_.positions_after_pad ? sizes_.pad_id + 1 : 0;
    for (int64_t i = s.begin; i < s.end; ++i) {
      const bool padding = sizes_.positions_after_pad && !batch.input_ids.empty() &&
                           batch.input_ids[static_cast<size_t>(i)] == sizes_.pad_id;
      position[i] = padding ? sizes_.pad_id : next++;
    }
    if (next > sizes_.positions) {
      fail(ErrorCode::invalid_argument,
           cat("a sequence of ", s.end - s.begin, " tokens is longer than the ",
               sizes_.max_length(), " positions of this model: truncate it"));
    }
  }
  return out;
}

Tensor TextEmbeddings::operator()(Context& ctx, const TokenBatch& batch) const {
  const int64_t tokens = batch.segments.tokens();
  std::array<EmbeddingInput, 3> inputs;
  Tensor rows, types, positions;

  if (batch.inputs_embeds) {
    rows = ctx.arena().tensor(DType::i64, {tokens});
    std::iota(rows.data<int64_t>(), rows.data<int64_t>() + tokens, int64_t{0});
    inputs[0] = {batch.inputs_embeds, ids_of(rows)};
  } else {
    check_count("input_ids", batch.input_ids.size(), tokens);
    check_ids("input_ids", batch.input_ids, sizes_.vocab,
              "(vocab_size): does the tokenizer belong to this model?");
    inputs[0] = {words_.table(), batch.input_ids};
  }

  size_t count = 1;
  if (sizes_.types > 0) {
    std::span<const int64_t> ids = batch.token_type_ids;
    if (ids.empty()) {
      types = ctx.arena().tensor(DType::i64, {tokens});
      std::fill_n(types.data<int64_t>(), tokens, 0);
      ids = ids_of(types);
    }
    check_count("token_type_ids", ids.size(), tokens);
    check_ids("token_type_ids", ids, sizes_.types,
              "(type_vocab_size): does the tokenizer belong to this model?");
    inputs[count++] = {types_.table(), ids};
  }

  std::span<const int64_t> places = batch.position_ids;
  if (places.empty()) {
    positions = position_ids(ctx, batch);
    places = ids_of(positions);
  }
  check_count("position_ids", places.size(), tokens);
  check_ids("position_ids", places, sizes_.positions,
            "(max_position_embeddings): shorten the sequence");
  inputs[count++] = {positions_.table(), places};
  return norm_(ctx, embedding(ctx, std::span(inputs.data(), count), "embeddings"));
}

}  // namespace tern
