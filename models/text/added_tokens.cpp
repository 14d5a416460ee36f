// SPDX-License-Identifier: Apache-2.0
// Finding added tokens; see added_tokens.h.
#include "added_tokens.h"

#include <algorithm>
#include <cstring>

#include "fields.h"

namespace tern::text {

namespace {

/// Bytes of a content that the trie has; what is longer, which nobody has in earnest, is compared
/// as a whole: a node takes many times the memory of its byte.
constexpr size_t kDeepest = 4096;

bool is_word_char(char32_t c) {
  return (char_class(c) & kWord16) != 0;
}

bool stands_alone(std::string_view text, size_t begin, size_t end) {
  size_t before = begin, after = end;
  if (begin > 0 && is_word_char(previous_char(text, before))) return false;
  return end == text.size() || !is_word_char(next_char(text, after));
}

size_t skip_spaces_back(std::string_view text, size_t from) {
  for (size_t i = from; i > 0;) {
    if (!is_white_space(previous_char(text, i))) break;
    from = i;
  }
  return from;
}

size_t skip_spaces(std::string_view text, size_t from) {
  for (size_t i = from; i < text.size();) {
    if (!is_white_space(next_char(text, i))) break;
    from = i;
  }
  return from;
}

}  // namespace

void AddedTokens::add(AddedToken token, const Vocabulary& vocabulary) {
  if (token.content.empty()) return;
  const int32_t known = index_.find(token.content);
  if (known >= 0) {
    AddedToken& old = tokens_[static_cast<size_t>(known)];
    token.id = old.id;
    token.special = token.special || old.special;
    old = std::move(token);
    return;
  }
  token.id = vocabulary.find(token.content);
  if (token.id < 0) {
    const auto size = static_cast<int64_t>(vocabulary.listed());
    const int64_t id = next_id_ >= size || size == 0 ? next_id_ + 1 : size;
    if (id > 0x7FFFFFFF) fail(ErrorCode::corrupt, "tokenizer.json: too many added tokens");
    token.id = static_cast<int32_t>(id);
  }
  next_id_ = std::max<int64_t>(next_id_, token.id);
  index_.add(token.content, static_cast<int64_t>(tokens_.size()));
  tokens_.push_back(std::move(token));
}

void AddedTokens::finish(const Normalizer* normalizer) {
  // When two have the same normalized content, the first wins; the reference's choice is another in
  // every process.
  for (uint32_t i = 0; i < tokens_.size(); ++i) {
    AddedToken& t = tokens_[i];
    Normalized content;
    content.assign(t.content, 0, false);
    if (t.normalized && normalizer) normalizer->normalize(content);
    t.shown = content.text;
    if (content.text.empty()) continue;
    insert(matchers_[t.normalized], i);
  }
  for (Matcher& m : matchers_) {
    if (std::count(m.first, m.first + 256, true) != 1) continue;
    m.only_first = static_cast<char>(std::find(m.first, m.first + 256, true) - m.first);
  }
  for (uint32_t i = 0; i < tokens_.size(); ++i) by_id_.push_back({tokens_[i].id, i});
  std::stable_sort(by_id_.begin(), by_id_.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
}

void AddedTokens::insert(Matcher& m, uint32_t token) {
  const std::string& content = tokens_[token].shown;
  const auto index = static_cast<int32_t>(m.tokens.size());
  const std::string_view stem = std::string_view(content).substr(0, kDeepest);
  const uint32_t node = m.trie.walk(0, stem);
  if (content.size() <= kDeepest) {
    if (node != ByteTrie::kNone && m.trie.value(node) >= 0) return;
    m.trie.insert(stem, index);
  } else {
    if (node == ByteTrie::kNone) m.trie.insert(stem, -1);
    std::vector<uint32_t>& list = m.longer[m.trie.walk(0, stem)];
    const auto shown = [&](uint32_t i) -> const std::string& { return tokens_[m.tokens[i]].shown; };
    auto at = list.begin();
    while (at != list.end() && shown(*at).size() > content.size()) ++at;
    for (auto same = at; same != list.end() && shown(*same).size() == content.size(); ++same) {
      if (shown(*same) == content) return;
    }
    list.insert(at, static_cast<uint32_t>(index));
  }
  m.tokens.push_back(token);
  m.first[static_cast<unsigned char>(content[0])] = true;
}

int32_t AddedTokens::longest(const Matcher& m, std::string_view text) const {
  uint32_t node = 0;
  int32_t best = -1;
  size_t depth = 0;
  for (; depth < text.size(); ++depth) {
    const uint32_t child = m.trie.child(node, text[depth]);
    if (child == ByteTrie::kNone) break;
    node = child;
    if (m.trie.value(node) >= 0) best = m.trie.value(node);
  }
  if (depth < kDeepest || m.longer.empty()) return best;
  const auto list = m.longer.find(node);
  if (list == m.longer.end()) return best;
  for (const uint32_t i : list->second) {
    if (text.starts_with(tokens_[m.tokens[i]].shown)) return static_cast<int32_t>(i);
  }
  return best;
}

bool AddedTokens::next_match(const Matcher& m, std::string_view text, size_t from,
                             Match& match) const {
  for (size_t i = from; i < text.size(); ++i) {
    if (m.only_first != 0) {
      const void* at = std::memchr(text.data() + i, m.only_first, text.size() - i);
      if (!at) return false;
      i = static_cast<size_t>(static_cast<const char*>(at) - text.data());
    } else if (!m.first[static_cast<unsigned char>(text[i])]) {
      continue;
    }
    const int32_t best = longest(m, text.substr(i));
    if (best < 0) continue;
    match.token = &tokens_[m.tokens[static_cast<size_t>(best)]];
    match.begin = i;
    match.end = i + match.token->shown.size();
    return true;
  }
  return false;
}

bool AddedTokens::none_in(std::string_view text, bool normalized) const {
  Match match{};
  return !any(normalized) || !next_match(matchers_[normalized], text, 0, match);
}

void AddedTokens::split(std::string_view text, bool normalized, bool plain_specials,
                        std::vector<Segment>& out) const {
  out.clear();
  const Matcher& m = matchers_[normalized];
  size_t done = 0;
  Match match{};
  for (size_t from = 0; !m.tokens.empty() && next_match(m, text, from, match);) {
    from = match.end;
    if (plain_specials && match.token->special) continue;
    if (match.token->single_word && !stands_alone(text, match.begin, match.end)) continue;
    if (match.token->lstrip) match.begin = std::max(skip_spaces_back(text, match.begin), done);
    if (match.token->rstrip) match.end = skip_spaces(text, match.end);
    if (done < match.begin) out.push_back({done, match.begin, nullptr});
    out.push_back({match.begin, match.end, match.token});
    done = match.end;
  }
  if (done < text.size()) out.push_back({done, text.size(), nullptr});
}

const AddedToken* AddedTokens::find(std::string_view content) const noexcept {
  const int32_t at = index_.find(content);
  return at < 0 ? nullptr : &tokens_[static_cast<size_t>(at)];
}

const AddedToken* AddedTokens::find(int64_t id) const noexcept {
  auto at = std::upper_bound(by_id_.begin(), by_id_.end(), id,
                             [](int64_t x, const auto& e) { return x < e.first; });
  if (at == by_id_.begin() || (at - 1)->first != id) return nullptr;
  return &tokens_[(at - 1)->second];
}

bool AddedTokens::is_special(std::string_view content) const noexcept {
  const AddedToken* token = find(content);
  return token && token->special;
}

AddedTokens parse_added_tokens(const hub::Json& json, const Vocabulary& vocabulary,
                               const Normalizer* normalizer) {
  if (!json.is_null() && !json.is_array()) {
    fail(ErrorCode::corrupt, "tokenizer.json: 'added_tokens' must be an array");
  }
  AddedTokens out;
  for (const hub::Json& entry : json.elements()) {
    if (!entry.is_object()) {
      fail(ErrorCode::corrupt, "tokenizer.json: an entry of 'added_tokens' must be an object");
    }
    AddedToken t;
    t.content = read_string(entry, "content", std::nullopt);
    t.special = read_bool(entry, "special", false);
    t.single_word = read_bool(entry, "single_word", false);
    t.lstrip = read_bool(entry, "lstrip", false);
    t.rstrip = read_bool(entry, "rstrip", false);
    t.normalized = read_bool(entry, "normalized", !t.special);
    read_integer(entry, "id", std::nullopt, 0, 0x7FFFFFFF);
    out.add(std::move(t), vocabulary);
  }
  out.finish(normalizer);
  return out;
}

}  // namespace tern::text
