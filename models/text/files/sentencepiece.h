// SPDX-License-Identifier: Apache-2.0
// A SentencePiece model file (protocol buffers, sentencepiece_model.proto), as far as tokenizers
// need it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tern::text {

struct SentencePiece {
  enum Type { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };
  std::string text;  // valid UTF-8
  double score = 0;
  int64_t type = normal;
};

struct SentencePieceModel {
  std::vector<SentencePiece> pieces;
  // trainer_spec
  bool unigram = true, byte_fallback = false;
  int64_t unk_id = 0, bos_id = 1, eos_id = 2;
  std::string unk_piece = "<unk>", bos_piece = "<s>", eos_piece = "</s>";
  // normalizer_spec
  std::string charsmap;
  bool add_dummy_prefix = true, remove_extra_whitespaces = true, escape_whitespaces = true;
};

/// Total: any bytes are a model or Error corrupt, which names `what` and the byte.
SentencePieceModel parse_sentencepiece(std::string_view bytes, std::string_view what);

}  // namespace tern::text
