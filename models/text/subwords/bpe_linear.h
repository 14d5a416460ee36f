// SPDX-License-Identifier: Apache-2.0
// BpeLinear: BPE's result in linear time, without a queue (after Antoniadis and others, "bpe").
//
// A token's text, merged alone, either becomes that token, and in one way only, or the token never
// occurs. Two neighbouring tokens are *apart* when their joint text, merged alone, becomes these
// two. What BPE makes of a text is the one sequence of tokens in which all neighbours are apart:
// merges inside a token are ordered by rank and place, just as they are when the text is longer,
// so the first merge across a boundary of the sequence would happen for the two tokens alone, too.
// The sequence is found from the left: the longest token that is apart from the one before; where
// none is left, one token is taken back, and the place is never tried again (what ends at a place
// is unique). Each place is tried once.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bpe_merges.h"
#include "double_array.h"

namespace tern::text {

class BpeLinear {
 public:
  /// Null when the merges do not allow it: see BpeMerges::regular; also with a prefix for
  /// continuing characters, or when a suffix could come from the text. `merges` must live on.
  static std::unique_ptr<const BpeLinear> make(const BpeMerges& merges);

  /// The tokens as they are spelled in a kind of text.
  struct Spelling {
    DoubleArray trie;  // -> entry
    struct Piece {
      uint32_t size;
      int32_t id;
    };
    std::vector<Piece> pieces;  // by entry
    bool empty() const noexcept { return pieces.empty(); }
  };
  /// Text as the pre-tokenizer gives it; a suffix is the byte kSuffix. Empty when all tokens are
  /// written in the byte-level alphabet.
  const Spelling& text() const noexcept { return text_; }
  /// The bytes which byte-level tokens stand for; empty when the vocabulary lacks a byte.
  const Spelling& bytes() const noexcept { return bytes_; }
  /// Appends the bytes of a text in the byte-level alphabet; false when it has another character.
  static bool decode_bytes(std::string_view text, std::string& out);
  /// No byte of UTF-8.
  static constexpr char kSuffix = '\xFF';

  /// Appends the tokens of text from `from` on, where `first` is the longest one, with entries for
  /// ids; returns where it ends: at the end of the text or at a character that is no token.
  size_t run(const Spelling& spelling, std::string_view text, size_t from, uint32_t first,
             ModelTokens& out) const;

  /// Whether the text of this token becomes it.
  bool occurs(uint32_t entry) const noexcept { return tokens_[entry].rank != kNowhere; }
  /// Tokens that need more than the order of ranks to tell whether they are apart.
  size_t odd() const noexcept { return odd_count_; }

 private:
  static constexpr uint32_t kNowhere = 0xFFFFFFFF, kNone = DoubleArray::kNone;
  struct Token {
    uint32_t rank = kNowhere;      // of the merge that makes it; 0: a character
    uint32_t left = 0, right = 0;  // what it is merged from; a character: itself
    uint32_t shorter = kNone;      // the longest token that its text begins with
  };

  std::vector<uint32_t> by_length() const;
  explicit BpeLinear(const BpeMerges& merges) : merges_(merges) {}
  bool derive();
  bool find_characters(std::vector<bool>& final);
  bool find_final(const std::vector<uint32_t>& order, std::vector<bool>& final) const;
  void derive(const BpeMerges::Merge& merge, uint32_t rank);
  void fetch_first(const BpeMerges::Merge& merge) const noexcept;
  bool stays_apart(uint32_t left, uint32_t right, bool asked_first) const noexcept;
  bool apart(uint32_t left, uint32_t right) const;
  bool find_apart(uint32_t left, uint32_t right) const;
  bool apart_by_queue(uint32_t left, uint32_t right) const;
  void characters_of(uint32_t token, std::vector<uint32_t>& out) const;
  void spell(const std::vector<bool>& final);
  void spell_bytes();
  void finish(Spelling& spelling, std::vector<DoubleArray::Key>& keys);

  const BpeMerges& merges_;
  /// What apart() has found, by a hash of the pair: left, right, answer in one word, so that
  /// threads may share it without locks.
  static constexpr int kMemoBits = 14;
  std::unique_ptr<std::atomic<uint64_t>[]> memo_;
  std::vector<Token, HugePages<Token>> tokens_;  // by entry
  std::vector<bool> odd_;                        // by entry; empty when none is
  size_t odd_count_ = 0;
  Spelling text_, bytes_;
};

}  // namespace tern::text
