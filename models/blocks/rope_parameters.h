// SPDX-License-Identifier: Apache-2.0
// Rotary embeddings as config.json describes them, in both spellings: "rope_parameters" (v5; one
// description, or one per kind of layer) and "rope_theta" with "rope_scaling" (v4). Types default,
// linear, dynamic, yarn, longrope, llama3, proportional as in Transformers' modeling_rope_utils.py;
// another one is unsupported and named.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "../../engine/nn.h"
#include "../config.h"

namespace tern {

class RopeParameters {
 public:
  struct Defaults {
    int64_t head_dim = 0;
    double theta = 10000;
    std::string_view theta_name = "rope_theta";  // where config.json has it beside the description
    double partial_rotary_factor = 1;
    std::string_view factor_name = "partial_rotary_factor";
    std::string_view layer_type = {};  // "full_attention", … where the description has parts
  };
  RopeParameters() = default;
  RopeParameters(const Config& c, const Defaults& defaults);

  /// Frequencies for sequences of `length` tokens (dynamic and longrope depend on it, as in
  /// Transformers: on the longest of a batch).
  Rope rope(int64_t length, DType dtype) const;
  bool depends_on_length() const noexcept {
    return type_ == Type::dynamic || type_ == Type::longrope;
  }
  /// longrope beyond the length of its short factors.
  bool is_long(int64_t length) const noexcept {
    return type_ == Type::longrope && static_cast<double>(length) > original_positions_;
  }
  /// The number of frequencies. An odd number of dimensions counts as the next even one, as
  /// Transformers has it (GPT-NeoX: a quarter of a head of 12).
  int64_t pairs() const noexcept { return (dims_ + 1) / 2; }

 private:
  enum class Type { plain, linear, dynamic, yarn, longrope, llama3, proportional };

  void read(const Config& c, const Config& rope, const Defaults& defaults);
  std::vector<double> plain(double theta) const;
  std::vector<double> yarn() const;
  double attention_factor() const;

  Type type_ = Type::plain;
  int64_t dims_ = 0, head_dim_ = 0;
  double theta_ = 10000, factor_ = 1, rotary_factor_ = 1;
  double max_positions_ = 0, original_positions_ = 0;
  double beta_fast_ = 32, beta_slow_ = 1;  // yarn
  bool truncate_ = true;                   // yarn
  double low_freq_ = 1, high_freq_ = 4;    // llama3
  double attention_factor_ = 1;            // yarn, longrope
  std::vector<double> long_factor_, short_factor_;
};

/// The rotary embeddings of a model whose layers are of one kind or two (Gemma 3), and their angles
/// for one pass.
class LayerRopes {
 public:
  LayerRopes() = default;
  LayerRopes(std::vector<RopeParameters> kinds, DType dtype);
  /// One per kind. positions: [tokens]; length 0: one more than the greatest of them.
  std::vector<RopeAngles> angles(Context& ctx, std::span<const int64_t> positions,
                                 int64_t length = 0) const;
  /// How many kinds use their long factors at this length.
  int64_t regime(int64_t length) const noexcept;
  bool depends_on_length() const noexcept;

 private:
  std::vector<RopeParameters> kinds_;
  std::vector<Rope> fixed_;  // for any length; empty ones depend on it
  DType dtype_ = DType::f32;
};

}  // namespace tern
