// SPDX-License-Identifier: Apache-2.0
// Bpe: byte-pair encoding (Gage 1994, Sennrich 2016; tokenizers' models/bpe). Linear in the text
// (BpeLinear), by a factor that grows with the longest token, or n log n (the queue of merges).
#pragma once

#include <memory>
#include <optional>

#include "bpe_linear.h"
#include "bpe_merges.h"

namespace tern::text {

class Bpe final : public TextModel {
 public:
  /// corrupt: a merge with a token that the vocabulary lacks.
  explicit Bpe(BpeConfig config);
  Bpe(const Bpe&) = delete;
  Bpe& operator=(const Bpe&) = delete;

  void tokenize(std::string_view piece, ModelTokens& out) const override;

  /// Whether the vocabulary writes all bytes in the byte-level alphabet, so that tokenize_bytes may
  /// be called.
  bool byte_level() const noexcept { return linear_ && !linear_->bytes().empty(); }
  /// The tokens of a piece given as its bytes (not empty), not in the byte-level alphabet; begin
  /// and end count these bytes. The same ids as tokenize gives for the piece in the alphabet.
  void tokenize_bytes(std::string_view bytes, ModelTokens& out) const;

  /// Whether a piece may be cut before `mark`, a character, with the tokens of the whole for the
  /// parts, unless the byte before it is `joined`: one with which a token ends that a merge joins
  /// to a token that begins with `mark`. A cut between two marks may change the tokens.
  bool joined_before(std::string_view mark, bool (&joined)[256]) const;
  /// By two bytes of UTF-8 text, 256 · last of one character + first of the next: whether a merge
  /// may join them. Between others a piece may be cut. Empty when nothing is known.
  std::vector<bool> joined_pairs() const;

  /// For tests: without the linear algorithm.
  void tokenize_by_queue(std::string_view piece, ModelTokens& out) const;
  bool linear() const noexcept { return linear_ != nullptr; }
  size_t odd() const noexcept { return linear_ ? linear_->odd() : 0; }

 private:
  struct Text {
    std::string_view text;  // with BpeLinear::kSuffix where the last character has the suffix
    size_t size;            // without it
  };
  void tokenize_text(const Text& text, ModelTokens& out) const;
  void tokenize_decoded(std::string_view piece, ModelTokens& out) const;
  std::string without_vanishing(const Text& text) const;
  /// Cuts of a piece change nothing but the merges across them.
  bool local() const;
  std::string_view text_of(uint32_t entry) const noexcept {
    return vocabulary.text(vocabulary.entries()[entry]);
  }
  bool is_token(std::string_view written) const noexcept { return merges_->find(written) >= 0; }

  std::optional<BpeMerges> merges_;
  std::unique_ptr<const BpeLinear> linear_;  // null: the queue does it
  /// With ignore_merges, the byte-level tokens that no merges make, by their bytes.
  Vocabulary whole_;
  bool ignore_merges_;
};

}  // namespace tern::text
