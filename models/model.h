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

/// A packed batch of token sequences: what text encoders compute on.
struct TokenBatch {
  std::span<const int64_t> input_ids = {};       // [tokens]
  std::span<const int64_t> token_type_ids = {};  // [tokens] or empty: all 0
  std::span<const int64_t> position_ids = {};    // [tokens] or empty: the architecture's rule
  Segments segments = {};
  /// [tokens, hidden] f32 in place of input_ids; empty: none.
  Tensor inputs_embeds = {};
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
  /// Width of encode()'s rows; 0 unless a text encoder.
  virtual int64_t hidden_size() const { return 0; }
  /// Positions available; 0 = no limit.
  virtual int64_t max_length() const { return 0; }
  /// Does the architecture read token_type_ids?
  virtual bool has_token_types() const { return false; }

  const Config& config() const noexcept { return config_; }
  const LoadingReport& loading_report() const noexcept { return report_; }
  /// "BertForMaskedLM"
  const std::string& class_name() const noexcept { return class_name_; }

 protected:
  explicit Model(Config config) : config_(std::move(config)) {}

 private:
  friend struct ModelBuilder;  // auto.cpp
  Config config_;
  LoadingReport report_;
  std::string class_name_;
};

/// The Context that calls without one use: one per thread, with the arena of its largest call.
TERN_API Context& thread_context();

}  // namespace tern
