// SPDX-License-Identifier: Apache-2.0
// Guidance: classifier-free guidance (Sanchez 2023), Transformers'
// UnbatchedClassifierFreeGuidanceLogitsProcessor. With the log probabilities c of a row's next
// token and u of the same continuation behind another prompt, its scores are u + guidance_scale (c
// - u).
#pragma once

#include "search.h"

namespace tern {

class Guidance {
 public:
  /// The other prompts are s.negative, else the last token of each prompt.
  explicit Guidance(const Search& s);
  /// Computes u of the active rows, which have one token more than the time before.
  void read(const Search& s, std::span<const int64_t> active);
  /// scores [vocabulary] of the active row `index`, in place.
  void operator()(int64_t index, std::span<float> scores);

 private:
  TokenRows rows_;
  Stepper stepper_;
  double scale_;
  bool begun_ = false;
  Tensor logits_;  // [active, vocabulary]
};

}  // namespace tern
