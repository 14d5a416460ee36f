// SPDX-License-Identifier: Apache-2.0
// A golden folder's language model, in float32, as generate() takes it.
#pragma once

#include <string>

#include "../../models/generate/generate.h"
#include "golden.h"

namespace tern::golden {

struct Generator {
  bool two_halves;  // an encoder–decoder
  PretrainedModel model;
  GenerationConfig config;

  explicit Generator(const std::string& name) : two_halves(name == "t5" || name == "bart") {
    const hub::Repo repo = hub::Repo::open(root() + "/" + name);
    model = load_model(two_halves ? "AutoModelForSeq2SeqLM" : "AutoModelForCausalLM", repo,
                       {.dtype = "float32"});
    config = GenerationConfig::from_repo(repo, model->config());
  }
};

}  // namespace tern::golden
