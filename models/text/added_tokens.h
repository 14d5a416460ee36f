// SPDX-License-Identifier: Apache-2.0
// Added tokens are cut out of the text before (normalized = false) or after (normalized = true) the
// normalizer, leftmost first, the longest of those that begin at one place.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "../../hub/formats/json.h"
#include "normalizers/normalizers.h"
#include "subwords/vocabulary.h"

namespace tern::text {

struct AddedToken {
  std::string content;
  std::string shown =
      {};  // what the id stands for in decoded text: the content, normalized when that is
  int32_t id = -1;
  bool single_word = false, lstrip = false, rstrip = false, normalized = false, special = false;
};

/// Bytes [begin, end): an added token, or plain text between (added == nullptr).
struct Segment {
  size_t begin, end;
  const AddedToken* added;
};

class AddedTokens {
 public:
  /// Adds a token as the reference does: one that the vocabulary has keeps its id there, others are
  /// numbered behind all that exist.
  void add(AddedToken token, const Vocabulary& vocabulary);
  /// After the last add. The contents of normalized tokens are normalized too.
  void finish(const Normalizer* normalizer);

  /// Cuts `text`; `normalized` chooses which of the two sets. With `plain_specials` special tokens
  /// are found and left in the text.
  void split(std::string_view text, bool normalized, bool plain_specials,
             std::vector<Segment>& out) const;
  bool any(bool normalized) const noexcept { return !matchers_[normalized].tokens.empty(); }
  /// False when a token's content is in `text`, also where split would not take it (single_word,
  /// plain_specials): true means that split leaves `text` in one piece. Allocates nothing.
  bool none_in(std::string_view text, bool normalized) const;

  const AddedToken* find(std::string_view content) const noexcept;
  const AddedToken* find(int64_t id) const noexcept;
  bool is_special(std::string_view content) const noexcept;
  const std::vector<AddedToken>& tokens() const noexcept { return tokens_; }

 private:
  struct Matcher {
    ByteTrie trie;                 // content -> index in `tokens`; of long ones the beginning
    std::vector<uint32_t> tokens;  // indices in tokens_
    std::map<uint32_t, std::vector<uint32_t>>
        longer;            // by node: indices in `tokens`, longest first
    bool first[256] = {};  // bytes that begin a token
    char only_first = 0;   // when there is but one
  };
  struct Match {
    size_t begin, end;
    const AddedToken* token;
  };
  void insert(Matcher& m, uint32_t token);
  /// The index in m.tokens of the longest token that `text` begins with, or -1.
  int32_t longest(const Matcher& m, std::string_view text) const;
  bool next_match(const Matcher& m, std::string_view text, size_t from, Match& match) const;

  std::vector<AddedToken> tokens_;
  Vocabulary index_;  // content -> index in tokens_
  Matcher matchers_[2];
  std::vector<std::pair<int32_t, uint32_t>> by_id_;
  int64_t next_id_ = -1;
};

/// The "added_tokens" member of tokenizer.json; null is none.
AddedTokens parse_added_tokens(const hub::Json& json, const Vocabulary& vocabulary,
                               const Normalizer* normalizer);

}  // namespace tern::text
