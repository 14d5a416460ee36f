// SPDX-License-Identifier: Apache-2.0
// LlmTiming: how long a language model takes to read a prompt and to write an answer.
#pragma once

#include <cstdint>

#include "../engine/context.h"
#include "../models/generate/generate.h"

namespace tern::cli {

struct LlmTask {
  bool decode;
  int64_t batch, tokens, prompt;
};

class LlmTiming {
 public:
  LlmTiming(Context& ctx, const Model& model);

  /// The model has positions for it.
  bool possible(const LlmTask& t) const;
  /// Of random tokens, others at each call: until the first token of each row, or from there to the
  /// last.
  double seconds(const LlmTask& t);

 private:
  Context& ctx_;
  const Model& model_;
  GenerationConfig config_;
  int64_t vocabulary_;
  uint64_t random_ = 1;
};

}  // namespace tern::cli
