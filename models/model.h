// SPDX-License-Identifier: Apache-2.0
// Model: what every architecture implements, and the named tensors it takes and gives.
// A loaded model is immutable and shared by any number of threads, each with its own Context.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../engine/context.h"
#include "../engine/kv_cache.h"
#include "../hub/formats/json.h"
#include "config.h"
#include "weights.h"

namespace tern {

/// An ordered list of named tensors: keyword arguments in, Transformers' output names out
/// ("last_hidden_state", "logits", "hidden_states.0", …).
class TERN_API NamedTensors {
 public:
  using Entry = std::pair<std::string, Tensor>;
  NamedTensors() = default;
  NamedTensors(std::initializer_list<Entry> entries) : entries_(entries) {}

  void set(std::string_view name, Tensor tensor);
  /// Empty Tensor when absent.
  const Tensor& get(std::string_view name) const noexcept;
  bool contains(std::string_view name) const noexcept { return static_cast<bool>(get(name)); }
  /// not_found lists the names that are there.
  const Tensor& operator[](std::string_view name) const;
  const std::vector<Entry>& entries() const noexcept { return entries_; }

 private:
  std::vector<Entry> entries_;
};

/// What the decoder of an encoder–decoder reads of its encoder's output: each decoder layer's keys
/// and values of it, computed once, however many tokens and beams follow.
struct Encoded {
  std::vector<Tensor> keys, values;  // per decoder layer [source tokens, heads, head_dim]
  std::vector<Segment> sequences;    // the rows of each source
  std::vector<uint8_t> key_mask;     // [source tokens], 0 is no key; empty: all are

  /// The rows of source `index` as the keys of rows [begin, end) of a batch.
  Segment segment(int64_t index, int64_t begin, int64_t end) const {
    const Segment& s = sequences[static_cast<size_t>(index)];
    return {begin, end, s.begin, s.end};
  }
};

/// A packed batch of token sequences: what text encoders compute on.
struct TokenBatch {
  std::span<const int64_t> input_ids = {};       // [tokens]
  std::span<const int64_t> token_type_ids = {};  // [tokens] or empty: all 0
  std::span<const int64_t> position_ids = {};    // [tokens] or empty: the architecture's rule
  Segments segments = {};
  /// [tokens, hidden] f32 in place of input_ids; empty: none.
  Tensor inputs_embeds = {};
  /// Decoders: the segments' keys are its rows (KvCache::segment).
  KvCache* cache = nullptr;
  /// The length that length-dependent rotary embeddings go by; 0: that of the greatest position.
  int64_t rope_length = 0;
  /// Decoders of an encoder–decoder: what they attend to beside themselves; `sources` has, for each
  /// sequence of `segments`, Encoded::segment of its source.
  const Encoded* encoded = nullptr;
  std::span<const Segment> sources = {};
};

/// What text generation asks of a language model.
class TERN_API CausalModel {
 public:
  virtual ~CausalModel() = default;
  virtual KvShape kv_shape() const = 0;
  /// Where this differs between two lengths (Phi 3's switch to long factors), what a cache holds
  /// from the shorter one is of no use for the longer.
  virtual int64_t cache_regime(int64_t /*length*/) const { return 0; }
  /// A token's logits depend on how long its sequence is, by more than the tokens before it
  /// (dynamic rotary embeddings).
  virtual bool depends_on_length() const { return false; }
  /// A token's position counts what attention_mask hides before it, too.
  virtual bool positions_count_padding() const { return false; }
  /// An encoder–decoder: inputs go to its encoder, and its decoder writes from a start token on.
  virtual bool has_encoder() const { return false; }
  /// One source for each row of the encoder's inputs, on the arena; what attention_mask hides at
  /// the ends of a row is not computed. unsupported without an encoder.
  virtual Encoded encode_sources(Context& ctx, const NamedTensors& inputs) const;
  /// Logits of the tokens at `rows` of the batch: [rows, vocabulary] f32.
  virtual Tensor next_logits(Context& ctx, const TokenBatch& batch,
                             std::span<const int64_t> rows) const = 0;
};

struct ForwardOptions {
  /// Keyword arguments that are no tensors (--set), an object: output_hidden_states, …
  hub::Json arguments = {};
};

class TERN_API Model {
 public:
  virtual ~Model() = default;

  /// As calling the Transformers model: padded tensors in ([batch, length] …), its outputs out, on
  /// the Context's arena. An unknown input name or argument is invalid_argument.
  virtual NamedTensors forward(Context& ctx, const NamedTensors& inputs,
                               const ForwardOptions& options) const = 0;
  /// Hidden states of the last layer for packed tokens: [tokens, hidden] f32, on the arena.
  /// unsupported unless the architecture is a text encoder.
  virtual Tensor encode(Context& ctx, const TokenBatch& batch) const;
  /// The model as a generator of text; null when it is none, unsupported when its class is one and
  /// its config says otherwise (is_decoder).
  virtual const CausalModel* causal() const { return nullptr; }
  /// Width of encode()'s rows; 0 unless a text encoder.
  virtual int64_t hidden_size() const { return 0; }
  /// Positions available; 0 = no limit.
  virtual int64_t max_length() const { return 0; }
  /// Does the architecture read token_type_ids?
  virtual bool has_token_types() const { return false; }

  const Config& config() const noexcept { return config_; }
  const LoadingReport& loading_report() const noexcept { return report_; }
  /// Where device_map put the modules; no entries without one.
  const DeviceMap& hf_device_map() const noexcept { return device_map_; }
  /// All parameters, as views of the checkpoint that the model came from, for saving.
  const std::vector<Parameter>& parameters() const noexcept { return parameters_; }
  /// The text of generation_config.json; empty where there was none.
  const std::string& generation_config() const noexcept { return generation_config_; }
  /// "BertForMaskedLM"
  const std::string& class_name() const noexcept { return class_name_; }

 protected:
  explicit Model(Config config) : config_(std::move(config)) {}

 private:
  friend struct ModelBuilder;  // auto.cpp
  Config config_;
  LoadingReport report_;
  DeviceMap device_map_;
  std::vector<Parameter> parameters_;
  std::string class_name_, generation_config_;
};

/// The Context that calls without one use: one per thread, with the arena of its largest call.
TERN_API Context& thread_context();

}  // namespace tern
