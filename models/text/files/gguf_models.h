// SPDX-License-Identifier: Apache-2.0
// From a GGUF file's vocabulary to a model of words.
#pragma once

#include <memory>

#include "../subwords/text_model.h"
#include "gguf_vocabulary.h"

namespace tern::text {

/// Byte-level BPE. A token that is not written in the alphabet of bytes is written in it, unless
/// keeps_text says otherwise.
std::unique_ptr<TextModel> make_byte_bpe(const GgufVocabulary& v);
/// Whether a token of a byte-level vocabulary is matched as the text it is: it is marked control or
/// user-defined, not written in the alphabet of bytes, and not white space alone.
bool keeps_text(const GgufVocabulary& v, size_t id);
/// Whether a text is written in the alphabet of bytes.
bool in_byte_alphabet(std::string_view text) noexcept;

/// SentencePiece's BPE with the merges of the file, else those that follow from the scores.
std::unique_ptr<TextModel> make_piece_bpe(const GgufVocabulary& v);
/// Gemma's: runs of blanks, which the file writes as such, are "▁▁…", and the merges follow from
/// the order of the tokens. With an unknown token.
std::unique_ptr<TextModel> make_gemma_bpe(const GgufVocabulary& v, bool respell);

/// T5's: the first hundred tokens "[PAD…]" are <extra_id_99> … <extra_id_0>; `unk` is the unknown
/// piece.
std::unique_ptr<TextModel> make_unigram(const GgufVocabulary& v, int64_t unk);
/// BERT's: words begin with "▁", other pieces go on with "##", which the file leaves out.
std::unique_ptr<TextModel> make_word_piece(const GgufVocabulary& v, const std::string& unk);

}  // namespace tern::text
