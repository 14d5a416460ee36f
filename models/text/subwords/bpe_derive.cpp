// SPDX-License-Identifier: Apache-2.0
// The tables of BpeLinear: how each token comes about, and how it is spelled; see bpe_linear.h.
#include <algorithm>

#include "../unicode/byte_alphabet.h"
#include "../unicode/utf8.h"
#include "bpe_linear.h"

namespace tern::text {

namespace {

bool one_character(std::string_view text) noexcept {
  return !text.empty() && utf8_length(text[0]) == text.size();
}

}  // namespace

bool BpeLinear::decode_bytes(std::string_view text, std::string& out) {
  for (size_t i = 0; i < text.size();) {
    const int byte = byte_of_character(next_char(text, i));
    if (byte < 0) return false;
    out += static_cast<char>(byte);
  }
  return true;
}

std::unique_ptr<const BpeLinear> BpeLinear::make(const BpeMerges& merges) {
  if (!merges.regular() || !merges.prefix().empty()) return nullptr;
  std::unique_ptr<BpeLinear> out(new BpeLinear(merges));
  if (!out->derive()) return nullptr;
  return out;
}

/// Places of merges by the length of the result: what a token is merged from comes before it.
std::vector<uint32_t> BpeLinear::by_length() const {
  const auto& list = merges_.list();
  const auto& entries = merges_.vocabulary().entries();
  size_t longest = 0;
  for (const Vocabulary::Entry& e : entries) longest = std::max<size_t>(longest, e.size);
  std::vector<uint32_t> starts(longest + 2, 0);
  for (const auto& m : list) ++starts[entries[m.result].size + 1];
  for (size_t i = 1; i < starts.size(); ++i) starts[i] += starts[i - 1];
  std::vector<uint32_t> out(list.size());
  for (uint32_t i = 0; i < list.size(); ++i) out[starts[entries[list[i].result].size]++] = i;
  return out;
}

bool BpeLinear::derive() {
  const auto& entries = merges_.vocabulary().entries();
  const std::string& suffix = merges_.suffix();
  tokens_.resize(entries.size());
  odd_.assign(entries.size(), false);
  std::vector<bool> final(entries.size(), false);  // ends with the suffix of the last character
  for (uint32_t e = 0; e < entries.size(); ++e) {
    std::string_view text = merges_.vocabulary().text(entries[e]);
    final[e] = !suffix.empty() && text.ends_with(suffix) &&
               one_character(text.substr(0, text.size() - suffix.size()));
    if (final[e] || one_character(text)) tokens_[e] = {0, e, e, kNone};
  }
  const std::vector<uint32_t> order = by_length();
  if (!suffix.empty() && !find_final(order, final)) return false;
  constexpr size_t kAhead = 8;
  const auto& list = merges_.list();
  for (size_t i = 0; i < order.size(); ++i) {
    if (i + 2 * kAhead < order.size()) __builtin_prefetch(&list[order[i + 2 * kAhead]]);
    if (i + kAhead < order.size()) {
      const BpeMerges::Merge& later = list[order[i + kAhead]];
      for (const uint32_t t : {later.left, later.right, later.result + 0u}) {
        __builtin_prefetch(&tokens_[t]);
      }
    }
    if (i + kAhead / 2 < order.size()) fetch_first(list[order[i + kAhead / 2]]);
    const BpeMerges::Merge& m = list[order[i]];
    if (!m.again && !final[m.left]) derive(m, order[i] + 1);
  }
  memo_.reset(new std::atomic<uint64_t>[size_t{1} << kMemoBits]);
  for (size_t i = 0; i < size_t{1} << kMemoBits; ++i) memo_[i] = ~uint64_t{0};
  odd_count_ = static_cast<size_t>(std::count(odd_.begin(), odd_.end(), true));
  spell(final);
  return true;
}

/// False when a token may end with the suffix and also be a text that looks like it.
bool BpeLinear::find_final(const std::vector<uint32_t>& order, std::vector<bool>& final) const {
  std::vector<bool> known(final.size(), false);
  for (size_t e = 0; e < final.size(); ++e) known[e] = tokens_[e].rank == 0;
  for (const uint32_t i : order) {
    const BpeMerges::Merge& m = merges_.list()[i];
    if (final[m.left] || m.left == m.result || m.right == m.result) continue;
    if (known[m.result] && final[m.result] != final[m.right]) return false;
    known[m.result] = true;
    final[m.result] = final[m.right];
  }
  return true;
}

/// Asks for the memory of the first question that stays_apart is going to ask.
void BpeLinear::fetch_first(const BpeMerges::Merge& m) const noexcept {
  const Token &left = tokens_[m.left], &right = tokens_[m.right];
  if (tokens_[m.result].rank != kNowhere) return;
  if (left.rank > right.rank) {
    merges_.pairs().prefetch_filter(left.right, m.right);
  } else {
    merges_.pairs().prefetch_filter(m.left, right.left);
  }
}

/// Whether a merge is the one that makes its result out of its text.
void BpeLinear::derive(const BpeMerges::Merge& m, uint32_t rank) {
  Token& result = tokens_[m.result];
  const Token &left = tokens_[m.left], &right = tokens_[m.right];
  if (result.rank != kNowhere || left.rank == kNowhere || right.rank == kNowhere) return;
  const bool parts_odd = odd_[m.left] || odd_[m.right];
  if (parts_odd) {
    std::vector<uint32_t> characters;
    characters_of(m.left, characters);
    characters_of(m.right, characters);
    if (merges_.by_queue(characters) != std::vector<uint32_t>{m.result}) return;
  } else if (!stays_apart(m.left, m.right, false)) {
    return;
  }
  result = {rank, m.left, m.right, kNone};
  // Where a part comes later than the whole, ranks alone do not tell the order of merges.
  odd_[m.result] = parts_odd || rank < std::max(left.rank, right.rank);
}

void BpeLinear::spell(const std::vector<bool>& final) {
  const Vocabulary& vocabulary = merges_.vocabulary();
  const auto& entries = vocabulary.entries();
  const size_t suffix = merges_.suffix().size();
  spell_bytes();
  std::string decoded;
  bool only_bytes = !bytes_.empty();
  for (uint32_t e = 0; e < entries.size() && only_bytes; ++e) {
    only_bytes = tokens_[e].rank != 0 || decode_bytes(vocabulary.text(entries[e]), decoded);
  }
  if (only_bytes) return;
  std::vector<DoubleArray::Key> keys;
  std::string with_mark;
  with_mark.reserve(suffix == 0 ? 0 : vocabulary.size_bytes() + entries.size());
  text_.pieces.resize(entries.size());
  for (uint32_t e = 0; e < entries.size(); ++e) {
    std::string_view text = vocabulary.text(entries[e]);
    if (final[e]) {
      const size_t begin = with_mark.size();
      with_mark.append(text.substr(0, text.size() - suffix)) += kSuffix;
      text = std::string_view(with_mark).substr(begin);
    }
    text_.pieces[e] = {static_cast<uint32_t>(text.size()), entries[e].id};
    if (tokens_[e].rank != kNowhere) keys.push_back({text, e});
  }
  finish(text_, keys);
}

void BpeLinear::spell_bytes() {
  const Vocabulary& vocabulary = merges_.vocabulary();
  const auto& entries = vocabulary.entries();
  if (!merges_.suffix().empty()) return;
  for (int b = 0; b < 256; ++b) {
    std::string name;
    append_char(name, character_of_byte(static_cast<uint8_t>(b)));
    if (merges_.find(name) < 0) return;
  }
  std::string block;
  block.reserve(vocabulary.size_bytes());
  std::vector<DoubleArray::Key> keys;
  bytes_.pieces.resize(entries.size());
  for (uint32_t e = 0; e < entries.size(); ++e) {
    const size_t begin = block.size();
    const bool fits = decode_bytes(vocabulary.text(entries[e]), block);
    const std::string_view text = std::string_view(block).substr(begin);
    bytes_.pieces[e] = {static_cast<uint32_t>(text.size()), entries[e].id};
    if (fits && tokens_[e].rank != kNowhere) keys.push_back({text, e});
  }
  finish(bytes_, keys);
}

void BpeLinear::finish(Spelling& spelling, std::vector<DoubleArray::Key>& keys) {
  std::vector<uint32_t> shorter;
  spelling.trie.build(keys, &shorter);
  for (size_t i = 0; i < keys.size(); ++i) tokens_[keys[i].value].shorter = shorter[i];
}

}  // namespace tern::text
