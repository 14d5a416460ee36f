// SPDX-License-Identifier: Apache-2.0
// A text word by word: the cache has the tokens of a word or gets them from the stages; see
// collector.h and wordwise.h.
#include "collector.h"
#include "id_writer.h"

namespace tern::text {

bool Collector::goes_wordwise(std::string_view text) const {
  if (!p_.wordwise || plain_specials_ || detail_ == Detail::tokens) return false;
  return !details_ || (p_.wordwise->knows_offsets(text) && !p_.added.any(true));
}

void Collector::words(std::string_view text, int32_t first_char, bool at_start) {
  const Wordwise& rules = *p_.wordwise;
  const auto each = [&](const auto& use) {
    const auto run = [&](std::string_view part, size_t begin, Wordwise::Kind kind) {
      const auto next = [&](size_t at) { return rules.next(part, at); };
      for_each_word(rules.cache(), part, begin, kind, next, use);
    };
    if (rules.first_like_others()) return run(text, 0, Wordwise::kInside);
    const size_t first = rules.next(text, 0);
    run(text.substr(0, first), 0, at_start ? Wordwise::kFirstOfOriginal : Wordwise::kFirst);
    run(text, first, Wordwise::kInside);
  };
  if (!details_) {
    IdWriter ids(ids_, text.size());
    return each([&](const WordCache::Word& word) {
      if (ids.count() >= limit_) return false;
      only_ids(word, first_char, ids);
      return true;
    });
  }
  int32_t character = first_char;
  each([&](const WordCache::Word& word) {
    if (ids_.size() >= limit_) return false;
    with_offsets(word, character);
    character += static_cast<int32_t>(word.is_ascii() ? word.text.size() : count_chars(word.text));
    return true;
  });
  if (rules.one_piece()) ++word_;
}

inline void Collector::only_ids(const WordCache::Word& word, int32_t first_char, IdWriter& ids) {
  WordTokens tokens;
  if (known(word, tokens)) return ids.add(tokens);
  if (tokenize(word)) return ids.add(tokens_);
  const bool inside = word.kind == Wordwise::kInside;
  const size_t before = ids.count();
  ids.beside([&] {
    // Characters are counted only to tell the first one of the original.
    stages(word.text, first_char + inside, word.kind == Wordwise::kFirstOfOriginal, !inside);
    if (word.may_be_cached() && ids_.size() < limit_) keep(word, before);
  });
}

inline bool Collector::known(const WordCache::Word& word, WordTokens& tokens) const {
  const Wordwise& rules = *p_.wordwise;
  if (word.may_be_cached()) return rules.cache().find(word, tokens);
  const bool one = word.text.size() == 1 && word.kind == Wordwise::kInside;
  const int32_t id = one ? rules.of_byte(word.text[0]) : -1;
  tokens.ids[0] = id;
  tokens.sizes[0] = 1;
  tokens.count = 1;
  return id >= 0;
}

/// Fills tokens_ and sizes_ without the stages, where that can be.
bool Collector::tokenize(const WordCache::Word& word) {
  const Wordwise& rules = *p_.wordwise;
  if (word.kind != Wordwise::kInside || p_.added.any(true)) return false;
  if (!rules.piece_of(word.text, piece_)) return false;
  tokens_.clear();
  p_.model->tokenize(piece_, tokens_);
  sizes_.clear();
  rules.measure(word.text, piece_, tokens_, sizes_);
  if (!word.may_be_cached() || tokens_.size() > WordTokens::kMost) return true;
  WordTokens entry{};
  for (const ModelToken& t : tokens_) {
    if (t.id > WordTokens::kMostId) return true;
    if (!sizes_.empty()) entry.sizes[entry.count] = static_cast<uint8_t>(sizes_[entry.count]);
    entry.ids[entry.count++] = t.id;
  }
  rules.cache().put(word, entry);
  return true;
}

/// The ids from `first` on are those of the word; what the stages made has no sizes.
void Collector::keep(const WordCache::Word& word, size_t first) {
  WordTokens entry{};
  for (size_t i = first; i < ids_.size(); ++i) {
    if (entry.count == WordTokens::kMost || ids_[i] > WordTokens::kMostId) return;
    entry.ids[entry.count++] = static_cast<int32_t>(ids_[i]);
  }
  p_.wordwise->cache().put(word, entry);
}

/// What the stages made of a word, when its tokens follow one another: the ids from `first` on,
/// with their places. `character` is the first one of the word.
void Collector::keep_places(const WordCache::Word& word, size_t first, int32_t character) {
  WordTokens entry{};
  size_t at = p_.wordwise->lead(word.text);
  int32_t from = character + static_cast<int32_t>(at);
  const auto& places = details_->offsets;
  for (size_t i = first; i < ids_.size(); ++i) {
    const auto [begin, end] = places[i];
    if (entry.count == WordTokens::kMost || ids_[i] > WordTokens::kMostId) return;
    if (begin != from || end <= begin) return;
    size_t behind = at;
    for (int32_t n = begin; n < end && behind < word.text.size(); ++n)
      behind += utf8_length(word.text[behind]);
    entry.ids[entry.count] = static_cast<int32_t>(ids_[i]);
    const bool mark = i == first && i + 1 < ids_.size() && places[i + 1].first == begin;
    if (mark && end != begin + 1) return;
    entry.sizes[entry.count++] = static_cast<uint8_t>(mark ? Wordwise::kMarkAlone : behind - at);
    if (mark) continue;
    at = behind;
    from = end;
  }
  if (entry.count != 0) p_.wordwise->cache().put(word, entry);
}

void Collector::with_offsets(const WordCache::Word& word, int32_t character) {
  const Wordwise& rules = *p_.wordwise;
  const int32_t number = word_;
  const bool ascii = word.is_ascii();
  size_t at = rules.lead(word.text);
  const auto place = [&](int32_t id, size_t size) {
    const size_t taken = size == Wordwise::kMarkAlone ? 0 : size;
    size = taken == 0 ? 1 : size;
    const auto begin = static_cast<int32_t>(at), end = static_cast<int32_t>(at + size);
    const auto [from, to] =
        ascii ? std::pair(begin, end) : Wordwise::place_of(word.text, at, at + size);
    emit(id, {}, {character + from, character + to}, number);
    at += taken;
  };
  WordTokens entry;
  const bool found = known(word, entry);
  if (found && entry.count != 0 && entry.sizes[0] != 0) {
    constexpr auto kAlone = static_cast<uint8_t>(Wordwise::kMarkAlone);
    for (uint32_t i = 0; i < entry.count; ++i)
      place(entry.ids[i], entry.sizes[i] == kAlone ? Wordwise::kMarkAlone : entry.sizes[i]);
  } else if (!found && tokenize(word) && !sizes_.empty()) {
    for (size_t i = 0; i < tokens_.size(); ++i) place(tokens_[i].id, sizes_[i]);
  } else {
    const bool first = word.kind != Wordwise::kInside;
    const size_t before = ids_.size();
    stages(word.text, character, word.kind == Wordwise::kFirstOfOriginal, first);
    const bool one = rules.one_piece() || word_ == number + 1;
    if (rules.one_piece()) word_ = number;  // all that is not an added token is one word
    if (word.may_be_cached() && !first && one && ids_.size() < limit_)
      keep_places(word, before, character);
    return;
  }
  if (!rules.one_piece()) ++word_;
}

}  // namespace tern::text
