// SPDX-License-Identifier: Apache-2.0
// A text word by word: the cache has the tokens of a word or gets them from the stages; see
// collector.h and wordwise.h.
#include "collector.h"

namespace tern::text {

bool Collector::goes_wordwise() const {
  if (!p_.wordwise || plain_specials_ || detail_ == Detail::tokens) return false;
  return !details_ || (p_.wordwise->one_piece() && !p_.added.any(true));
}

void Collector::words(std::string_view text, int32_t first_char, bool at_start) {
  const Wordwise& rules = *p_.wordwise;
  int32_t character = first_char;
  const auto run = [&](std::string_view part, size_t begin, Wordwise::Kind kind) {
    const auto next = [&](size_t at) { return rules.next(part, at); };
    const auto use = [&](std::string_view word, const CachedWord& key, size_t place) {
      if (ids_.size() >= limit_) return false;
      if (!details_) {
        only_ids({word, key, place, kind}, first_char);
      } else {
        const Word whole = {word, key, place, kind};
        with_offsets(whole, character);
        character += static_cast<int32_t>(whole.is_ascii() ? word.size() : count_chars(word));
      }
      return true;
    };
    for_each_word(rules.cache(), part, begin, kind, next, use);
  };
  const size_t first = rules.next(text, 0);
  run(text.substr(0, first), 0, at_start ? Wordwise::kFirstOfOriginal : Wordwise::kFirst);
  run(text, first, Wordwise::kInside);
  if (details_) ++word_;
}

void Collector::only_ids(const Word& word, int32_t first_char) {
  WordCache::Entry entry;
  if (known(word, entry)) {
    for (uint32_t i = 0; i < entry.count; ++i) ids_.push_back(entry.ids[i]);
    return;
  }
  if (tokenize(word)) {
    for (const ModelToken& t : tokens_) ids_.push_back(t.id);
    return;
  }
  const size_t before = ids_.size();
  const bool inside = word.kind == Wordwise::kInside;
  // Characters are counted only to tell the first one of the original.
  stages(word.text, first_char + inside, word.kind == Wordwise::kFirstOfOriginal, !inside);
  if (word.cached() && ids_.size() < limit_) keep(word, before);
}

bool Collector::known(const Word& word, WordCache::Entry& entry) const {
  const Wordwise& rules = *p_.wordwise;
  if (word.cached()) return rules.cache().find(word.place, word.key, entry);
  const bool one = word.text.size() == 1 && word.kind == Wordwise::kInside;
  const int32_t id = one ? rules.of_byte(word.text[0]) : -1;
  if (id >= 0) entry = {{id}, {1}, 1};
  return id >= 0;
}

/// Fills tokens_ and sizes_ without the stages, where that can be.
bool Collector::tokenize(const Word& word) {
  const Wordwise& rules = *p_.wordwise;
  if (word.kind != Wordwise::kInside || p_.added.any(true)) return false;
  if (!rules.piece_of(word.text, piece_)) return false;
  tokens_.clear();
  p_.model->tokenize(piece_, tokens_);
  sizes_.clear();
  if (rules.one_piece()) rules.measure(word.text, piece_, tokens_, sizes_);
  if (!word.cached() || tokens_.size() > WordCache::kMostTokens) return true;
  WordCache::Entry entry{};
  for (const ModelToken& t : tokens_) {
    if (t.id > WordCache::kMostId) return true;
    if (!sizes_.empty()) entry.sizes[entry.count] = static_cast<uint8_t>(sizes_[entry.count]);
    entry.ids[entry.count++] = t.id;
  }
  rules.cache().put(word.place, word.key, entry);
  return true;
}

/// The ids from `first` on are those of the word; what the stages made has no sizes.
void Collector::keep(const Word& word, size_t first) {
  WordCache::Entry entry{};
  for (size_t i = first; i < ids_.size(); ++i) {
    if (entry.count == WordCache::kMostTokens || ids_[i] > WordCache::kMostId) return;
    entry.ids[entry.count++] = static_cast<int32_t>(ids_[i]);
  }
  p_.wordwise->cache().put(word.place, word.key, entry);
}

void Collector::with_offsets(const Word& word, int32_t character) {
  const int32_t number = word_;
  const bool ascii = word.is_ascii();
  size_t at = 0;
  const auto place = [&](int32_t id, size_t size) {
    const auto begin = static_cast<int32_t>(at), end = static_cast<int32_t>(at + size);
    const auto [from, to] =
        ascii ? std::pair(begin, end) : Wordwise::place_of(word.text, at, at + size);
    emit(id, {}, {character + from, character + to}, number);
    at += size;
  };
  WordCache::Entry entry;
  const bool found = known(word, entry);
  if (found && entry.count != 0 && entry.sizes[0] != 0) {
    for (uint32_t i = 0; i < entry.count; ++i) place(entry.ids[i], entry.sizes[i]);
  } else if (!found && tokenize(word) && !sizes_.empty()) {
    for (size_t i = 0; i < tokens_.size(); ++i) place(tokens_[i].id, sizes_[i]);
  } else {
    const bool first = word.kind != Wordwise::kInside;
    stages(word.text, character, word.kind == Wordwise::kFirstOfOriginal, first);
    word_ = number;  // all that is not an added token is one word
  }
}

}  // namespace tern::text
