// SPDX-License-Identifier: Apache-2.0
// The side of `tern generate` that is for people: a prompt as text, ids or messages, the answer as
// it comes, or as JSON with timings.
#pragma once

#include <string>
#include <vector>

#include "../models/generate/generate.h"
#include "options.h"

namespace tern::cli {

struct PromptOptions {
  std::string text = {}, ids = {}, chat = {};
  std::string temperature = {}, top_p = {};
  std::string grammar = {}, json_schema = {};  // files
  int max_new_tokens = 0, top_k = -1, seed = -1;
  std::vector<std::string> stop = {};
  bool greedy = false, json = false;
  bool chatting = false;  // --chat, with or without a file

  void declare(Options& options);
  /// Whether there is a prompt; more than one is an Error.
  bool given() const;
  /// Those of these options that are arguments of generate, laid over the ones of --set.
  hub::Json over(const hub::Json& set) const;
  /// Where the model came from, and what loading it has taken.
  struct Loaded {
    const hub::Repo& repo;
    std::string gguf_file;
    double seconds;
    const Model* assistant = nullptr;
  };
  /// Prints the answer.
  int run(const Loaded& loaded, const Model& model, const GenerationConfig& config) const;
};

}  // namespace tern::cli
