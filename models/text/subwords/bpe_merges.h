// SPDX-License-Identifier: Apache-2.0
// BpeConfig: a BPE model as plain data, however it was stored. BpeMerges: the model resolved to
// numbers and checked, and the definition of its result: the queue of merges.
#pragma once

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../../../engine/base/huge_pages.h"
#include "pair_table.h"
#include "text_model.h"

namespace tern::text {

/// The texts of `merges` need to live only until the model is made.
struct BpeConfig {
  Vocabulary vocabulary;  // finished
  /// In the order of their ranks; of a pair that comes twice the last place counts.
  using Merge = std::pair<std::string_view, std::string_view>;
  std::vector<Merge, HugePages<Merge>> merges = {};
  /// For characters that are no token. Without one they vanish; one that is not in the vocabulary
  /// is an error of the text that needs it.
  std::optional<std::string> unk_token = {};
  bool fuse_unk = false;       // consecutive unknown characters are one token
  bool byte_fallback = false;  // unknown characters become the tokens <0x00> … <0xFF>, if all exist
  bool ignore_merges = false;  // a piece that is a token is that token, mergeable or not
  std::string continuing_subword_prefix = {};  // before every character but the first
  std::string end_of_word_suffix = {};         // behind the last character
};

/// Tokens are numbered by their entry in the vocabulary; of tokens that share an id the last one
/// stands for all, since the reference knows them by their id only.
class BpeMerges {
 public:
  /// corrupt: a merge whose tokens or result the vocabulary lacks. Keeps `vocabulary`.
  BpeMerges(const Vocabulary& vocabulary, const BpeConfig& config);

  /// The entry of a token, or -1.
  int32_t find(std::string_view token) const noexcept {
    const int32_t entry = vocabulary_.find_entry(token);
    return entry < 0 ? entry : representative(static_cast<size_t>(entry));
  }

  /// A character as the vocabulary writes it, between prefix and suffix.
  std::string_view written(std::string_view character, bool first, bool last,
                           std::string& scratch) const;
  /// False when the vocabulary lacks a byte of the written character.
  bool has_bytes(std::string_view written) const noexcept;

  /// Tokens of the characters between known ones, in the order of the reference: an unknown token
  /// waits for more to fuse with, and bytes overtake it.
  struct Unknowns {
    uint32_t waiting = 0;  // bytes; 0: none
    template <class Emit>  // emit(entry, bytes)
    void flush(const BpeMerges& merges, Emit&& emit) {
      if (waiting != 0) emit(merges.unk_, waiting);
      waiting = 0;
    }
    template <class Emit>
    void add(const BpeMerges& merges, std::string_view written, uint32_t size, Emit&& emit) {
      if (merges.has_bytes(written)) {
        for (const char c : written) emit(merges.bytes_[static_cast<uint8_t>(c)], 1u);
      } else if (merges.unk_token_) {
        if (merges.unk_ < 0) merges.fail_unknown();
        if (!merges.fuse_unk_) flush(merges, emit);
        waiting += size;
      }
    }
  };

  /// The result by definition: the characters, then the merge of lowest rank (of those the
  /// leftmost) again and again. Time n log n. The tokens' ids are entries.
  void by_queue(std::string_view piece, ModelTokens& out) const;
  /// The same for tokens side by side: what is left of them.
  std::vector<uint32_t> by_queue(const std::vector<uint32_t>& tokens) const;

  struct Merge {
    uint32_t left, right;
    uint32_t result : 31;
    uint32_t again : 1;  // the pair comes once more, and only that place counts
  };
  using List = std::vector<Merge, HugePages<Merge>>;
  /// The merge of rank i + 1.
  const List& list() const noexcept { return list_; }
  const PairTable& pairs() const noexcept { return pairs_; }
  const Vocabulary& vocabulary() const noexcept { return vocabulary_; }
  const std::string& prefix() const noexcept { return prefix_; }
  const std::string& suffix() const noexcept { return suffix_; }
  /// Every unknown character becomes tokens of its bytes.
  bool all_bytes() const noexcept {
    return std::all_of(std::begin(bytes_), std::end(bytes_), [](int32_t b) { return b >= 0; });
  }
  bool vanish() const noexcept { return !unk_token_; }
  /// Characters that are no token stand for themselves: no merge has the unknown token or, with
  /// byte_fallback, a byte's token on a side, and no two tokens share an id.
  bool regular() const noexcept { return regular_; }
  /// By entry: the unknown token and, with byte_fallback, the bytes' tokens.
  std::vector<bool> stand_ins() const;

 private:
  struct Symbol {
    uint32_t token;
    uint32_t size;  // bytes; 0: merged into the one before
    int32_t previous, next;
  };
  int32_t representative(size_t entry) const noexcept {
    if (vocabulary_.unique_ids()) return static_cast<int32_t>(entry);
    return vocabulary_.entry_of(vocabulary_.entries()[entry].id);
  }
  class Results;
  void resolve(const BpeConfig& config);
  void check_regular();
  void symbols_of(std::string_view piece, std::vector<Symbol>& out) const;
  void merge(std::vector<Symbol>& symbols) const;
  [[noreturn]] void fail_unknown() const;

  const Vocabulary& vocabulary_;
  List list_;
  PairTable pairs_;
  std::optional<std::string> unk_token_;
  std::string prefix_, suffix_;
  int32_t unk_ = -1;
  int32_t bytes_[256];
  bool fuse_unk_, byte_fallback_, regular_ = true;
};

}  // namespace tern::text
