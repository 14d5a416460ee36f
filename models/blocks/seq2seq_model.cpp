// SPDX-License-Identifier: Apache-2.0
#include "seq2seq_model.h"

#include <algorithm>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "text_heads.h"

namespace tern {

namespace {

struct LastEosHead final : TextHead {
  HeadLayer dense, out_proj;
  int64_t eos = -1;

  void run(Context& ctx, const TextHidden& h, NamedTensors& out) const override {
    if (h.input_ids.size() != static_cast<size_t>(h.rows * h.length)) {
      fail(ErrorCode::unsupported,
           "classification needs input_ids, as many as the decoder's: it reads the state at their "
           "last eos");
    }
    std::vector<int64_t> last;
    int64_t first_count = 0;
    for (int64_t row = 0; row < h.rows; ++row) {
      const auto ids =
          h.input_ids.subspan(static_cast<size_t>(row * h.length), static_cast<size_t>(h.length));
      const int64_t count = std::count(ids.begin(), ids.end(), eos);
      if (row == 0) first_count = count;
      if (count == 0 || count != first_count) {
        fail(ErrorCode::invalid_argument,
             cat("row ", row, " of input_ids has ", count, " eos tokens (", eos,
                 "); expected at least one, and as many in every row"));
      }
      const auto after = std::find(ids.rbegin(), ids.rend(), eos).base();
      last.push_back(row * h.length + (after - ids.begin()) - 1);
    }
    const Tensor inner = dense.dense(ctx, gather_rows(ctx, h.states, last), {.act = dense.act});
    out.set("logits", out_proj.dense(ctx, inner));
  }
};

void set_states(NamedTensors& out, std::string_view name, const std::vector<Tensor>& states,
                const PaddedBatch& batch) {
  for (size_t i = 0; i < states.size(); ++i) {
    out.set(cat(name, ".", i), states[i].reshape({batch.rows, batch.length, states[i].dim(1)}));
  }
}

/// Tokens [first, last) of a row that are not hidden at its ends.
std::pair<int64_t, int64_t> visible(const PaddedBatch& batch, int64_t row) {
  if (batch.key_mask.empty()) return {0, batch.length};
  const auto mask =
      std::span(batch.key_mask)
          .subspan(static_cast<size_t>(row * batch.length), static_cast<size_t>(batch.length));
  int64_t first = 0, last = batch.length;
  while (first < last && mask[static_cast<size_t>(first)] == 0) ++first;
  while (last > first && mask[static_cast<size_t>(last - 1)] == 0) --last;
  if (first < last) return {first, last};
  fail(ErrorCode::invalid_argument, cat("row ", row, " of attention_mask is all 0: no prompt"));
}

/// A batch without the padding at the ends of its rows; positions are those they had.
struct PackedSources {
  std::vector<int64_t> rows, positions, ids;
  std::vector<uint8_t> key_mask;
  std::vector<Segment> sequences;

  explicit PackedSources(const PaddedBatch& batch) {
    for (int64_t row = 0; row < batch.rows; ++row) {
      const auto [first, last] = visible(batch, row);
      const auto begin = static_cast<int64_t>(rows.size());
      for (int64_t i = first; i < last; ++i) {
        const auto at = static_cast<size_t>(row * batch.length + i);
        rows.push_back(static_cast<int64_t>(at));
        positions.push_back(i);
        if (!batch.input_ids.empty()) ids.push_back(batch.input_ids[at]);
        if (!batch.key_mask.empty()) key_mask.push_back(batch.key_mask[at]);
      }
      sequences.push_back({begin, static_cast<int64_t>(rows.size())});
    }
    const bool holes = std::count(key_mask.begin(), key_mask.end(), 0) > 0;
    if (!holes) key_mask.clear();
  }
};

}  // namespace

PaddedBatch Seq2SeqModel::source(const NamedTensors& inputs) const {
  return read_text_inputs(inputs, {.hidden = backbone_->hidden,
                                   .token_types = false,
                                   .positions = false,
                                   .others = ", and the same with decoder_"});
}

PaddedBatch Seq2SeqModel::target(const PaddedBatch& source, const NamedTensors& inputs) const {
  const bool given =
      inputs.contains("decoder_input_ids") || inputs.contains("decoder_inputs_embeds");
  const TextInputRules rules = {.hidden = backbone_->hidden,
                                .token_types = false,
                                .positions = false,
                                .prefix = kDecoderPrefix};
  if (given || !shifted_.shifts) {
    PaddedBatch batch = read_text_inputs(inputs, rules);
    if (batch.rows == source.rows) return batch;
    fail(ErrorCode::invalid_argument,
         cat("the decoder's inputs have ", batch.rows, " rows, but the encoder's ", source.rows));
  }
  if (source.input_ids.empty() || shifted_.start < 0 || shifted_.pad < 0) {
    fail(ErrorCode::invalid_argument,
         "without decoder_input_ids the decoder reads input_ids moved to the right: that needs "
         "them, and config.json's decoder_start_token_id and pad_token_id");
  }
  std::vector<int64_t> ids = source.input_ids;
  const auto length = static_cast<size_t>(source.length);
  for (size_t at = ids.size(); at > 0; --at) {
    const bool first = (at - 1) % length == 0;
    const int64_t id = first ? shifted_.start : ids[at - 2];
    ids[at - 1] = id == -100 ? shifted_.pad : id;
  }
  NamedTensors shifted = inputs;
  shifted.set("decoder_input_ids", Tensor::from<int64_t>(ids, {source.rows, source.length}));
  return read_text_inputs(shifted, rules);
}

NamedTensors Seq2SeqModel::forward(Context& ctx, const NamedTensors& inputs,
                                   const ForwardOptions& options) const {
  const TextArguments arguments = read_text_arguments(options.arguments, config(), true);
  const SplitInputs parts = split_decoder_inputs(inputs);
  const PaddedBatch source = this->source(parts.encoder);
  const PaddedBatch target = this->target(source, parts.decoder);
  std::vector<Tensor> encoder_states, decoder_states;
  const bool keep = arguments.output_hidden_states;
  const Tensor read = backbone_->encode(ctx, source.tokens(), keep ? &encoder_states : nullptr);
  Encoded encoded = {
      .keys = {}, .values = {}, .sequences = source.sequences, .key_mask = source.key_mask};
  backbone_->read_source(ctx, read, encoded);
  std::vector<Segment> sources;
  for (const Segment& s : target.sequences) {
    sources.push_back(encoded.segment(static_cast<int64_t>(sources.size()), s.begin, s.end));
  }
  TokenBatch batch = target.tokens();
  batch.encoded = &encoded;
  batch.sources = sources;
  const Tensor states = backbone_->decode(ctx, batch, keep ? &decoder_states : nullptr);
  NamedTensors out;
  head_->run(ctx, {states, target.rows, target.length, 0, source.input_ids}, out);
  set_states(out, "decoder_hidden_states", decoder_states, target);
  out.set("encoder_last_hidden_state",
          read.reshape({source.rows, source.length, backbone_->hidden}));
  set_states(out, "encoder_hidden_states", encoder_states, source);
  return out;
}

Encoded Seq2SeqModel::encode_sources(Context& ctx, const NamedTensors& inputs) const {
  const PaddedBatch padded = source(split_decoder_inputs(inputs).encoder);
  PackedSources packed(padded);
  const TokenBatch batch = {
      .input_ids = packed.ids,
      .position_ids = packed.positions,
      .segments = {.sequences = packed.sequences,
                   .key_mask = packed.key_mask.empty() ? nullptr : packed.key_mask.data()},
      .inputs_embeds =
          padded.inputs_embeds ? gather_rows(ctx, padded.inputs_embeds, packed.rows) : Tensor()};
  Encoded out;
  backbone_->read_source(ctx, backbone_->encode(ctx, batch, nullptr), out);
  out.sequences = std::move(packed.sequences);
  out.key_mask = std::move(packed.key_mask);
  return out;
}

Tensor take_shared(const Weights& w, std::string_view own,
                   std::initializer_list<std::string_view> names, const Shape& shape,
                   const Init& init) {
  const auto there = [&](std::string_view name) { return (w / name).has("weight"); };
  const auto first = std::find_if(names.begin(), names.end(), there);
  const std::string_view name = there(own) ? own : first == names.end() ? *names.begin() : *first;
  if (first != names.end()) (w / *names.begin()).ignore("weight");
  // Also the name that is not there: then the table has two, and is converted for both at once.
  const std::string_view other = name == *names.begin() ? own : name;
  if (first != names.end() && other != *names.begin()) {
    w.tie(cat(*names.begin(), ".weight"), cat(other, ".weight"));
  }
  return (w / name).take("weight", shape, init);
}

Config with_defaults(const Config& c, const ConfigDefaults& defaults) {
  std::vector<hub::Json::NewMember> more;
  for (const auto& [name, value] : defaults) {
    const bool labelled = name == "num_labels" && !c.json()["id2label"].is_null();
    if (c.json()[name].is_null() && !labelled) more.emplace_back(name, hub::Json::make(value));
  }
  return c.with(hub::Json::object(std::move(more)));
}

std::unique_ptr<TextHead> make_last_eos_head(const HeadContext& c) {
  const Weights w = c.root / "classification_head";
  auto head = std::make_unique<LastEosHead>();
  head->dense = {make_linear(w / "dense", c.hidden, c.hidden), Act::tanh};
  head->out_proj = {make_linear(w / "out_proj", c.hidden, c.config.num_labels()), Act::none};
  head->eos = c.config.integer({"eos_token_id"}, {}, 0, int64_t{1} << 31);
  return head;
}

}  // namespace tern
