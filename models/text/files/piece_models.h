// SPDX-License-Identifier: Apache-2.0
// From a SentencePiece file to a model, in a class's order of pieces; and the components of
// TokenizersBackend, which follow the file's own specs.
#pragma once

#include <memory>
#include <string>

#include "../subwords/text_model.h"
#include "classes.h"
#include "sentencepiece.h"
#include "templates.h"

namespace tern::text {

/// corrupt: the class's unknown piece is not there. unsupported: the class has no such model.
std::unique_ptr<TextModel> make_model(const TokenizerClass& row, const SentencePieceModel& file,
                                      const Surroundings& around);

struct Components {
  std::string normalizer = "null", pre_tokenizer = "null", decoder = "null";
  std::string post = {};  // empty: by bos and eos
};

/// Those of a class with `own_components`.
Components own_components(const TokenizerClass& row, const SentencePieceModel& file,
                          const Arguments& arguments);

}  // namespace tern::text
