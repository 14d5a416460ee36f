// SPDX-License-Identifier: Apache-2.0
// Wordwise: for which tokenizers, and where, a text may be cut before a blank so that normalizer,
// pre-tokenizer and model give the parts one by one the tokens that they give the whole. The words
// between such cuts come again and again, and a cache knows their tokens.
//
// A cut lies before a blank, or a line feed that does no harm, behind another character:
//   Llama 2, Mistral, Gemma    a BPE over the whole text, whose normalizer only writes U+2581 for
//                              blanks: where no merge joins what lies before and behind the cut;
//                              also between letters and others
//   T5, ALBERT, XLM-R, …       pre-tokenizers that cut at blanks anyway; normalizers see no further
//                              than a blank between two printable ASCII characters
#pragma once

#include <memory>
#include <span>
#include <utility>

#include "added_tokens.h"
#include "normalizers/normalizers.h"
#include "pre_tokenizers/pre_tokenizers.h"
#include "subwords/text_model.h"
#include "word_cache.h"

namespace tern::text {

class Wordwise {
 public:
  /// What a word's tokens depend on beside its bytes.
  enum Kind : unsigned { kInside, kFirst, kFirstOfOriginal };

  /// Null when the components are not known to work word by word. They must outlive this.
  static std::unique_ptr<Wordwise> make(const Normalizer* normalizer,
                                        const PreTokenizer* pre_tokenizer, const TextModel& model,
                                        const AddedTokens& added);

  static constexpr std::string_view kMark = "\u2581";
  static bool is_printable(char c) noexcept { return c > ' ' && c <= '~'; }

  /// The end of the word that begins at `from` < text.size().
  size_t next(std::string_view text, size_t from) const noexcept;
  /// What the normalizer does to a word that is not the first one.
  void normalize(Normalized& word) const;
  /// The one piece that normalizer and pre-tokenizer make of a word that is not the first one;
  /// false when only they can tell.
  bool piece_of(std::string_view word, std::string& piece) const;
  /// The one token of a word of one byte that is not the first one, or -1: the way of others is
  /// longer.
  int32_t of_byte(char byte) const noexcept { return of_byte_[static_cast<unsigned char>(byte)]; }
  /// All words of a text are one piece for the model, and so one word for the caller.
  bool one_piece() const noexcept { return !ascii_only_; }
  /// Whether offsets of a text are known word by word. Where Precompiled drops characters before it
  /// has kept any, the reference shifts all that follows; behind a plain character it does not.
  bool knows_offsets(std::string_view text) const noexcept;
  /// The first word of a text is like the others.
  bool first_like_others() const noexcept { return first_like_others_; }
  /// A size: the token is a mark that stands for no byte; its place is the next character's.
  static constexpr uint32_t kMarkAlone = 0xFFFFFFFF;
  /// How many bytes of `word` each token has, behind those that lead(word) counts; none when the
  /// tokens do not follow one another.
  void measure(std::string_view word, std::string_view piece, std::span<const ModelToken> tokens,
               std::vector<uint32_t>& sizes) const;
  /// The blanks at the beginning of a word that are no token's.
  size_t lead(std::string_view word) const noexcept {
    return drops_blanks_ ? leading_blanks(word) : 0;
  }
  /// The characters of `word` that a token of its bytes [begin, end) stands for.
  static std::pair<int32_t, int32_t> place_of(std::string_view word, size_t begin, size_t end);
  WordCache& cache() const noexcept { return *cache_; }

 private:
  Wordwise() = default;
  struct Maker;
  bool is_blank(char c) const noexcept { return c == ' ' || (c == '\n' && line_feeds_); }
  size_t leading_blanks(std::string_view word) const noexcept {
    size_t n = 0;
    while (n < word.size() && is_blank(word[n])) ++n;
    return n;
  }
  void measure_marked(std::string_view word, std::span<const ModelToken> tokens,
                      std::vector<uint32_t>& sizes) const;
  bool may_cut(std::string_view text, size_t at) const noexcept;
  bool apart(std::string_view text, size_t at) const noexcept;
  size_t next_blank(std::string_view text, size_t at) const noexcept;
  size_t next_apart(std::string_view text, size_t from) const noexcept;

  std::vector<const Normalizer*> steps_;  // without what concerns the first word only
  Strip strip_;                           // in place of one that strips on the left, too
  /// Bytes behind which a cut may lie before a blank (bit 0), before a line feed (bit 1).
  uint8_t ends_word_[256] = {};
  bool ascii_only_ = false;    // the next byte must be printable ASCII
  bool line_feeds_ = false;    // there are cuts before line feeds
  bool runs_ = false;          // of blanks are like one
  bool collapses_ = false;     // and become what one becomes
  bool places_known_ = false;  // of the tokens of one piece: a mark and normalized characters
  bool drops_blanks_ = false;  // its blank is dropped before
  bool drops_runs_ = false;    // of blanks, too, and those behind a word
  bool first_like_others_ = false;
  /// By byte: what becomes of it; 0: that depends. All 0 when there is no short way.
  char becomes_[256] = {};
  std::vector<std::string> longer_;  // texts of more than one character that are replaced
  int32_t of_byte_[256];
  /// Bpe::joined_pairs, when there may be cuts inside of words; else empty.
  std::vector<bool> joined_;
  std::unique_ptr<WordCache> cache_;
};

}  // namespace tern::text
