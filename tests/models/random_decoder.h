// SPDX-License-Identifier: Apache-2.0
// A small decoder with random weights, for what does not depend on what they are.
#pragma once

#include <string>

#include "../../models/auto.h"

namespace tern::test {

/// `own`: members of config.json that name the type and its sizes.
inline PretrainedModel random_decoder(const std::string& own) {
  const std::string config = R"({"vocab_size": 90, "intermediate_size": 48, "num_hidden_layers": 3,
      "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 4096,
      "eos_token_id": null, )" +
                             own + "}";
  return AutoModelForCausalLM::from_config({hub::Json::parse(config, "config.json"), "config.json"},
                                           {.seed = 5});
}

}  // namespace tern::test
