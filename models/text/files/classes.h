// SPDX-License-Identifier: Apache-2.0
// The tokenizer classes of Transformers 5: what each reads and the components it builds, written as
// tokenizer.json writes them.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "arguments.h"

namespace tern::text {

/// What a class makes of its vocabulary. `any`: what a SentencePiece file says.
/// `characters`: a token is a character; longer ones are added tokens.
enum class ModelKind { word_piece, bpe, unigram, characters, any };

/// How the pieces of a SentencePiece file become the class's vocabulary.
enum class PieceOrder {
  as_is,
  fairseq,  // <s> <pad> </s> <unk>, the pieces from the fourth on, <mask>
  mbart,
  mbart50,    // the same with the language codes before <mask>
  camembert,  // five of its own, the pieces from the second on, <mask>
  nllb,       // <s> <pad> </s> <unk>, then the others in order
  seamless,   // <pad> <unk> <s> </s>, and each piece one place on
  pegasus,    // <pad> </s> and the masks, <unk_2> … , the pieces from the third on
  t5          // the pieces, then <extra_id_99> … <extra_id_0>
};

/// Which special tokens there are beside the named ones. `file`: the control and user-defined
/// pieces of a SentencePiece file, else additional_special_tokens.
enum class Extras { file, t5, pegasus, camembert, xlnet, xglm, code_llama, nllb, mbart, mbart50 };

/// One component, kept when `when` holds: null: always; "key=true" (a flag of the files and what it
/// is by default), "!key=true" its contrary, "charsmap", "!charsmap", "left" (padding).
struct Step {
  const char* when;
  const char* json;
};

/// A template in short: "cls:0 A:0 sep:0"; see templates.h.
struct Frame {
  const char* when;
  const char *single, *pair;
};

/// Rules for Unigram's unknown piece where it is no fixed place: what the file says; the first of
/// the unknown token's text, else 0 (Camembert) or 2 (UDOP); the first with its text and score 0,
/// else 100 (BigBird) or what the file says (DeBERTa-v2), or from place 1 on, else corrupt
/// (Pegasus).
inline constexpr int kUnkOfFile = -1, kUnkByText = -2, kUnkUdop = -3, kUnkBigBird = -4,
                     kUnkDeberta = -5, kUnkPegasus = -6;

struct TokenizerClass {
  const char* name;  // without "Fast"
  ModelKind model = ModelKind::any;
  const char* file =
      nullptr;  // the vocabulary when there is no *.model of the common names; may be null
  const char* merges = nullptr;  // may be null
  /// The special tokens in the order of kTokenNames; null: none. A mask that begins with '<' or '['
  /// and has `mask_lstrip` takes the blanks before it.
  const char* tokens[7] = {};
  Step normalizer[8] = {};
  Step pre_tokenizer[4] = {};
  Step decoder[5] = {};
  Frame frames[2] =
      {};  // none: the template of bos and eos, as add_bos_token and add_eos_token say

  bool mask_lstrip = false, mask_normalized = false;
  bool own_components = false;  // the components follow the SentencePiece file
  bool needs_unigram = false;   // refuses a SentencePiece file of another kind
  bool bpe_unk = false, fuse_unk = false, byte_fallback = false;
  const char* suffix = "";     // BPE's end of a word
  const char* post = nullptr;  // a post-processor that is no template, in place of `frames`
  int unk_id = kUnkOfFile;     // Unigram's unknown piece, or one of the rules above
  PieceOrder order = PieceOrder::as_is;
  Extras extras = Extras::file;
  const char* own = nullptr;  // named tokens beyond the seven: "key=text" between blanks
  bool early_post =
      false;  // an explicit add_bos_token (add_eos_token) overrides the post-processor
  bool user_defined_in_model = false;  // user-defined pieces are left to the model
  bool all_special = false;            // user-defined pieces are special tokens
  bool plain_special = false;  // in the end every special token is one without further flags
  bool add_bos = false;
  // of calls
  bool type_ids = false, pads_left = false;
  int max_length = 0, pad_type = 0;
};

/// Between blanks: the languages of mBART, those that mBART-50 has beside them, and those of NLLB.
extern const char* const kMbartCodes;
extern const char* const kMbart50Codes;
extern const char* const kNllbCodes;
/// "code=name" in the order of Whisper's tokens, and "name=code" of further names.
extern const char* const kWhisperLanguages;
extern const char* const kWhisperNames;

/// The table, in two parts: vocab.txt or vocab.json with merges.txt; SentencePiece.
std::span<const TokenizerClass> word_classes();
std::span<const TokenizerClass> piece_classes();
/// The row's special tokens beside the named ones, when there are no extra_special_tokens.
std::vector<GivenToken> class_extras(const TokenizerClass& row, const Arguments& arguments);
/// The class's name for a config.json's model_type; empty: Transformers knows none.
std::string_view class_of_model_type(std::string_view model_type);
/// Model types whose repositories name the wrong class.
bool names_wrong_class(std::string_view model_type);

/// The class that Transformers takes for a repository. unsupported names one that is not here.
const TokenizerClass& choose_class(const Arguments& arguments, bool has_word_list);
/// The same for a repository with tokenizer.json: nullptr when it is not here.
const TokenizerClass* find_class(const Arguments& arguments);

}  // namespace tern::text
