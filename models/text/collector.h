// SPDX-License-Identifier: Apache-2.0
// Collector: runs the components of a tokenizer over one text and writes what the caller wants of
// the tokens.
#pragma once

#include "pipeline.h"

namespace tern::text {

class IdWriter;

class Collector {
 public:
  /// Ids go to `ids`, the rest to `details` (null for Detail::ids). Scanning may stop when there
  /// are `limit` ids.
  Collector(const Tokenizer::Pipeline& p, std::vector<int64_t>& ids, Encoding* details,
            const Mode& mode, size_t limit)
      : p_(p),
        ids_(ids),
        details_(details),
        detail_(mode.detail),
        plain_specials_(mode.split_special_tokens),
        counts_(details || p.needs_origins),
        limit_(limit) {}

  /// Valid UTF-8.
  void run(std::string_view text);

 private:
  template <class Between>
  void cut(std::string_view text, bool normalized, int32_t character, const Between& between);
  bool fused(std::string_view part, int32_t first_char);
  void plain(std::string_view part, int32_t first_char, bool at_start);
  void stages(std::string_view part, int32_t first_char, bool at_start, bool first);
  void bytes(std::string_view part, int32_t character);
  void emit_normalized(const Segment& s);
  void pieces(Normalized& whole, size_t begin, size_t end);
  void emit(int32_t id, std::string_view text, std::pair<int32_t, int32_t> at, int32_t word);

  // Word by word (collector_words.cpp).
  bool goes_wordwise(std::string_view text) const;
  void words(std::string_view text, int32_t first_char, bool at_start);
  void only_ids(const WordCache::Word& word, int32_t first_char, IdWriter& ids);
  void with_offsets(const WordCache::Word& word, int32_t character);
  bool known(const WordCache::Word& word, WordTokens& tokens) const;
  bool tokenize(const WordCache::Word& word);
  void keep(const WordCache::Word& word, size_t first);
  void keep_places(const WordCache::Word& word, size_t first, int32_t character);

  const Tokenizer::Pipeline& p_;
  std::vector<int64_t>& ids_;
  Encoding* details_;
  Detail detail_;
  bool plain_specials_;
  bool counts_;  // the characters of the original
  size_t limit_;
  int32_t word_ = 0;
  Normalized normalized_, rewritten_;
  std::vector<Piece> pieces_;
  ModelTokens tokens_;
  std::string piece_;
  std::vector<uint32_t> sizes_;
};

}  // namespace tern::text
