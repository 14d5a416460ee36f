// SPDX-License-Identifier: Apache-2.0
// ByteLevelScan: byte-level BPE (GPT-2, Llama 3, Qwen, …) in one pass over the text's own bytes:
// scanners cut words, the cache or the model gives their tokens. The result is that
// of the separate stages.
#pragma once

#include <memory>

#include "normalizers/normalizers.h"
#include "post_processors/post_processors.h"
#include "pre_tokenizers/pre_tokenizers.h"
#include "regex/scanner_chain.h"
#include "subwords/bpe.h"
#include "unicode/nfc_check.h"
#include "word_cache.h"

namespace tern::text {

class ByteLevelScan {
 public:
  /// Null unless the components are what this does: no normalizer or NFC, only cuts, bytes.
  static std::unique_ptr<ByteLevelScan> make(const Normalizer* normalizer,
                                             const PreTokenizer* pre_tokenizer,
                                             const TextModel& model);

  /// Where the tokens go: ids always, the rest according to `detail`.
  struct Output {
    std::vector<int64_t>& ids;
    Encoding* details;  // null for Detail::ids
    Detail detail;
    int32_t& character;  // of the text in the original; moved to its end when there are details
    int32_t& word;       // number of the next word
    size_t limit;        // scanning may stop when ids has this many
  };

  /// Whether the normalizer leaves this text as it is (it may when this says no).
  bool is_normal(std::string_view text) const { return !nfc_ || nfc_->is_nfc(text); }
  /// Appends the tokens of `text`, which is_normal.
  void scan(std::string_view text, const Output& out) const;

 private:
  ByteLevelScan(const Bpe& model, ScannerChain words) : model_(model), words_(std::move(words)) {}
  /// What the cache lacks; false when an entry cannot hold it: then it is in `many`.
  bool tokenize(const WordCache::Word& word, WordTokens& tokens, ModelTokens& many) const;
  void add_details(const WordCache::Word& word, const WordTokens& tokens, const ModelTokens& many,
                   const Output& out) const;

  const Bpe& model_;
  ScannerChain words_;
  std::unique_ptr<NfcCheck> nfc_;
  int32_t of_byte_[256];  // ids of words of one byte
  mutable WordCache cache_;
};

}  // namespace tern::text
