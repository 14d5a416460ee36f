// SPDX-License-Identifier: Apache-2.0
// A tokenizer from the vocabulary that its class reads.
#pragma once

#include <memory>

#include "../pipeline.h"
#include "classes.h"

namespace tern::text {

/// `arguments` lose or get the special tokens that the vocabulary's file decides on.
std::unique_ptr<Tokenizer::Pipeline> read_vocab_files(const hub::Repo& repo, Arguments& arguments,
                                                      const TokenizerClass& row);

}  // namespace tern::text
