// SPDX-License-Identifier: Apache-2.0
// Running the components over a text, and decoding; see pipeline.h.
#include "pipeline.h"

#include "fields.h"

namespace tern {

namespace text {

namespace {

/// Takes tokens from the model and writes what the caller wants of them.
class Collector {
 public:
  Collector(const Tokenizer::Pipeline& p, std::vector<int64_t>& ids, Encoding* details,
            const Mode& mode, size_t limit)
      : p_(p),
        ids_(ids),
        details_(details),
        detail_(mode.detail),
        plain_specials_(mode.split_special_tokens),
        counts_(details || p.needs_origins),
        limit_(limit) {}

  void run(std::string_view text) {
    if (text.empty()) return;
    if (p_.added.none_in(text, false)) return plain(text, 0, true);
    cut(text, false, 0, [&](std::string_view part, int32_t first_char) {
      plain(part, first_char, part.data() == text.data());
    });
  }

 private:
  /// Emits the added tokens in a text, whose first character is number `character`; between them,
  /// calls between(text, number of its first character).
  void cut(std::string_view text, bool normalized, int32_t character, const auto& between) {
    std::vector<Segment> segments;
    p_.added.split(text, normalized, plain_specials_, segments);
    size_t done = 0;
    for (const Segment& s : segments) {
      if (ids_.size() >= limit_) return;
      const std::string_view part = text.substr(s.begin, s.end - s.begin);
      // rstrip may have taken blanks with which the next token begins.
      if (counts_ && s.begin < done) character -= chars(text.substr(s.begin, done - s.begin));
      const int32_t begin = character;
      if (counts_) character += chars(part);
      if (s.added)
        emit(s.added->id, part, {begin, character}, word_++);
      else
        between(part, begin);
      done = s.end;
    }
  }

  static int32_t chars(std::string_view text) { return static_cast<int32_t>(count_chars(text)); }

  /// All stages at once when the components allow it and no character forbids it.
  bool fused(std::string_view part, int32_t first_char) {
    if (!p_.fused) return false;
    const size_t before = ids_.size();
    const int32_t word = word_;
    if (p_.fused->scan(part, {ids_, details_, detail_, first_char, word_, limit_})) return true;
    ids_.resize(before);
    word_ = word;
    if (details_) details_->offsets.resize(before), details_->word_ids.resize(before);
    if (detail_ == Detail::tokens) details_->tokens.resize(before);
    return false;
  }

  void plain(std::string_view part, int32_t first_char, bool at_start) {
    if (fused(part, first_char)) return;
    if (p_.byte_level && p_.byte_level->is_normal(part)) return bytes(part, first_char);
    if (p_.wordwise && !details_ && !plain_specials_) return words(part, first_char, at_start);
    stages(part, first_char, at_start, true);
  }

  /// Only ids, word by word: the cache has the tokens or gets them from the stages.
  void words(std::string_view text, int32_t first_char, bool at_start) {
    const Wordwise& rules = *p_.wordwise;
    const auto run = [&](std::string_view part, size_t begin, Wordwise::Kind kind) {
      const auto next = [&](size_t at) { return rules.next(part, at); };
      const auto use = [&](std::string_view word, const CachedWord& key, size_t place) {
        if (ids_.size() >= limit_) return false;
        const bool cached = WordCache::may_have(word.size());
        if (cached && known(key, place)) return true;
        const int32_t one = begin != 0 && word.size() == 1 ? rules.of_byte(word[0]) : -1;
        if (one >= 0) {
          ids_.push_back(one);
          return true;
        }
        const size_t before = ids_.size();
        // Characters are counted only to tell the first one of the original.
        if (begin == 0 || !directly(word)) {
          stages(word, first_char + (begin != 0), kind == Wordwise::kFirstOfOriginal, begin == 0);
        }
        if (cached && ids_.size() < limit_) keep(key, place, before);
        return true;
      };
      for_each_word(rules.cache(), part, begin, kind, next, use);
    };
    const size_t first = rules.next(text, 0);
    run(text.substr(0, first), 0, at_start ? Wordwise::kFirstOfOriginal : Wordwise::kFirst);
    run(text, first, Wordwise::kInside);
  }

  bool directly(std::string_view word) {
    if (p_.added.any(true) || !p_.wordwise->piece_of(word, piece_)) return false;
    tokens_.clear();
    p_.model->tokenize(piece_, tokens_);
    for (const ModelToken& t : tokens_) ids_.push_back(t.id);
    return true;
  }

  bool known(const CachedWord& key, size_t place) {
    WordCache::Entry entry;
    if (!p_.wordwise->cache().find(place, key, entry)) return false;
    for (uint32_t i = 0; i < entry.count; ++i) ids_.push_back(entry.ids[i]);
    return true;
  }

  /// The ids from `first` on are those of the word.
  void keep(const CachedWord& key, size_t place, size_t first) {
    WordCache::Entry entry{};
    for (size_t i = first; i < ids_.size(); ++i) {
      if (entry.count == WordCache::kMostTokens || ids_[i] > WordCache::kMostId) return;
      entry.ids[entry.count++] = static_cast<int32_t>(ids_[i]);
    }
    p_.wordwise->cache().put(place, key, entry);
  }

  /// The components one by one; a word that is not the first one lacks what the normalizer does
  /// there.
  void stages(std::string_view part, int32_t first_char, bool at_start, bool first) {
    normalized_.assign(part, first_char, counts_);
    normalized_.begins_original = at_start;
    if (!first)
      p_.wordwise->normalize(normalized_);
    else if (p_.normalizer)
      p_.normalizer->normalize(normalized_);
    if (normalized_.text.empty()) return;
    if (p_.added.none_in(normalized_.text, true))
      return pieces(normalized_, 0, normalized_.text.size());
    std::vector<Segment> segments;
    p_.added.split(normalized_.text, true, plain_specials_, segments);
    for (const Segment& s : segments) {
      if (s.added)
        emit_normalized(s);
      else
        pieces(normalized_, s.begin, s.end);
    }
  }

  /// A text that the normalizer leaves as it is, by the byte-level pass.
  void bytes(std::string_view part, int32_t character) {
    const auto scan = [&](std::string_view piece, int32_t first_char) {
      p_.byte_level->scan(piece, {ids_, details_, detail_, first_char, word_, limit_});
    };
    if (p_.added.none_in(part, true)) return scan(part, character);
    cut(part, true, character, scan);
  }

  void emit_normalized(const Segment& s) {
    std::pair<int32_t, int32_t> at{0, 0};
    if (details_ && s.begin < s.end) at = normalized_.origin_of(s.begin, s.end);
    emit(s.added->id, std::string_view(normalized_.text).substr(s.begin, s.end - s.begin), at,
         word_++);
  }

  void pieces(Normalized& whole, size_t begin, size_t end) {
    pieces_.assign(1, {begin, end});
    const bool rewrites = p_.pre_tokenizer && p_.pre_tokenizer->rewrites();
    if (rewrites) rewritten_.assign(whole, begin, end);
    Normalized& from = rewrites ? rewritten_ : whole;
    if (rewrites) pieces_.assign(1, {0, from.text.size()});
    if (p_.pre_tokenizer) p_.pre_tokenizer->split(from, pieces_);
    for (const Piece& piece : pieces_) {
      if (ids_.size() >= limit_) return;
      tokens_.clear();
      const auto text = std::string_view(from.text).substr(piece.begin, piece.end - piece.begin);
      p_.model->tokenize(text, tokens_);
      for (const ModelToken& t : tokens_) {
        std::pair<int32_t, int32_t> at{0, 0};
        if (details_) at = from.origin_of(piece.begin + t.begin, piece.begin + t.end);
        const bool show = detail_ == Detail::tokens;
        emit(t.id, show ? p_.model->shown(t, text) : std::string_view(), at, word_);
      }
      ++word_;
    }
  }

  /// `text` as the reference shows the token; read only with Detail::tokens.
  void emit(int32_t id, std::string_view text, std::pair<int32_t, int32_t> at, int32_t word) {
    ids_.push_back(id);
    if (!details_) return;
    details_->offsets.push_back(at);
    details_->word_ids.push_back(word);
    if (detail_ == Detail::tokens) details_->tokens.emplace_back(text);
  }

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
  std::vector<ModelToken> tokens_;
  std::string piece_;
};

}  // namespace

}  // namespace text

using text::Detail;

namespace {

constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();

/// Appends the tokens of one text; the other members of `e` are not filled.
void collect(const Tokenizer::Pipeline& p, std::string_view text, const text::Mode& mode,
             Encoding& e) {
  std::string scratch;
  const std::string_view valid = text::valid_utf8(text, scratch);
  if (valid.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max())) {
    fail(ErrorCode::invalid_argument, "tokenizer: a text of more than 2 GB");
  }
  text::Collector(p, e.ids, mode.detail == Detail::ids ? nullptr : &e, mode, kNoLimit).run(valid);
}

}  // namespace

const Tokenizer::Pipeline& Tokenizer::Pipeline::checked(
    const std::shared_ptr<const Pipeline>& pipeline) {
  if (!pipeline) fail(ErrorCode::invalid_argument, "an empty Tokenizer was called");
  return *pipeline;
}

Encoding Tokenizer::Pipeline::tokenize(std::string_view text, const text::Mode& mode) const {
  Encoding e;
  collect(*this, text, mode, e);
  e.type_ids.assign(e.ids.size(), 0);
  e.special_tokens_mask.assign(e.ids.size(), 0);
  e.attention_mask.assign(e.ids.size(), 1);
  return e;
}

Encoding Tokenizer::Pipeline::tokenize_words(std::span<const std::string> words,
                                             const text::Mode& mode) const {
  Encoding e;
  int32_t number = 0;
  for (const std::string& word : words) {
    const size_t before = e.word_ids.size();
    collect(*this, word, mode, e);
    std::fill(e.word_ids.begin() + static_cast<std::ptrdiff_t>(before), e.word_ids.end(), number++);
  }
  e.type_ids.assign(e.ids.size(), 0);
  e.special_tokens_mask.assign(e.ids.size(), 0);
  e.attention_mask.assign(e.ids.size(), 1);
  return e;
}

void Tokenizer::Pipeline::tokenize_ids(std::string_view text, std::vector<int64_t>& ids,
                                       size_t limit, bool split_special_tokens) const {
  std::string scratch;
  const std::string_view valid = text::valid_utf8(text, scratch);
  const size_t stop = limit > kNoLimit - ids.size() ? kNoLimit : ids.size() + limit;
  text::Collector(*this, ids, nullptr, {Detail::ids, split_special_tokens}, stop).run(valid);
}

std::optional<std::string_view> Tokenizer::Pipeline::token(int64_t id) const noexcept {
  if (const text::AddedToken* t = added.find(id)) return std::string_view(t->shown);
  return model->vocabulary.token(id);
}

std::string Tokenizer::Pipeline::decode(std::span<const int64_t> ids, bool skip_special) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const int64_t id : ids) {
    const auto text = token(id);
    if (text && !(skip_special && added.is_special(*text))) tokens.emplace_back(*text);
  }
  if (decoder) decoder->decode(tokens);
  std::string out;
  for (const std::string& t : tokens) {
    if (!decoder && &t != &tokens.front()) out += ' ';
    out += t;
  }
  return out;
}

}  // namespace tern
