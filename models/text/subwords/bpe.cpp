// SPDX-License-Identifier: Apache-2.0
// Byte-pair encoding of a piece: known characters by BpeLinear, unknown ones between; see bpe.h.
#include "bpe.h"

#include <algorithm>

#include "../unicode/utf8.h"

namespace tern::text {

Bpe::Bpe(BpeConfig config) : ignore_merges_(config.ignore_merges) {
  vocabulary = std::move(config.vocabulary);
  merges_.emplace(vocabulary, config);
  linear_ = BpeLinear::make(*merges_);
  if (!ignore_merges_ || !byte_level()) return;
  std::string bytes;
  for (uint32_t e = 0; e < vocabulary.entries().size(); ++e) {
    const Vocabulary::Entry& entry = vocabulary.entries()[e];
    bytes.clear();
    if (linear_->occurs(e) || !BpeLinear::decode_bytes(vocabulary.text(entry), bytes)) continue;
    if (!bytes.empty()) whole_.add(bytes, entry.id);
  }
  whole_.finish();
}

void Bpe::tokenize(std::string_view piece, ModelTokens& out) const {
  if (linear_ && linear_->text().empty()) return tokenize_decoded(piece, out);
  if (ignore_merges_) {
    const int32_t id = vocabulary.find(piece);
    if (id >= 0) return out.push_back({id, 0, static_cast<uint32_t>(piece.size())});
  }
  if (!linear_) return tokenize_by_queue(piece, out);
  if (merges_->suffix().empty()) return tokenize_text({piece, piece.size()}, out);
  thread_local std::string marked;
  marked.assign(piece) += BpeLinear::kSuffix;
  tokenize_text({marked, piece.size()}, out);
}

void Bpe::tokenize_by_queue(std::string_view piece, ModelTokens& out) const {
  const size_t before = out.size();
  merges_->by_queue(piece, out);
  const auto size = static_cast<uint32_t>(piece.size());
  for (size_t i = before; i < out.size(); ++i) {
    ModelToken& t = out[i];
    // Bytes of a suffix have places behind the piece.
    t = {vocabulary.entries()[static_cast<size_t>(t.id)].id, std::min(t.begin, size),
         std::min(t.end, size)};
  }
}

std::string Bpe::without_vanishing(const Text& text) const {
  std::string out, scratch;
  for (size_t i = 0; i < text.size;) {
    const std::string_view character = text.text.substr(i, utf8_length(text.text[i]));
    i += character.size();
    const bool last = i == text.size && text.size < text.text.size();
    const std::string_view written = merges_->written(character, false, last, scratch);
    if (!is_token(written) && !merges_->has_bytes(written)) continue;
    out += character;
    if (last) out += BpeLinear::kSuffix;
  }
  return out;
}

void Bpe::tokenize_text(const Text& all, ModelTokens& out) const {
  const BpeLinear::Spelling& spelling = linear_->text();
  const size_t before = out.size();
  uint32_t cursor = 0;
  const auto emit = [&](int32_t entry, uint32_t size) {
    out.push_back({entry, cursor, cursor + size});
    cursor += size;
  };
  BpeMerges::Unknowns unknowns;
  std::string scratch;
  std::string_view text = all.text;
  if (text.size() > all.size) {
    size_t last = all.size;
    previous_char(text.substr(0, all.size), last);
    // A last character may be a token only without the suffix: it is unknown then.
    if (spelling.trie.find(text.substr(last)) == DoubleArray::kNone) text = text.substr(0, last);
  }
  for (size_t at = 0; at < all.size;) {
    if (at < text.size()) {
      const uint32_t first = spelling.trie.longest(text, at).value;
      const bool known = first != DoubleArray::kNone;
      if (known) unknowns.flush(*merges_, emit);
      if (known) at = linear_->run(spelling, text, at, first, out);
      if (known) cursor = static_cast<uint32_t>(at);
      if (at >= all.size) break;
    }
    const std::string_view character = all.text.substr(at, utf8_length(all.text[at]));
    const bool last = at + character.size() == all.size && all.text.size() > all.size;
    const std::string_view written = merges_->written(character, false, last, scratch);
    if (merges_->vanish() && !merges_->has_bytes(written)) {
      // Its neighbours become neighbours, and places are those in the shorter text.
      out.resize(before);
      const std::string rest = without_vanishing(all);
      const bool marked = rest.ends_with(BpeLinear::kSuffix);
      return tokenize_text({rest, rest.size() - marked}, out);
    }
    unknowns.add(*merges_, written, static_cast<uint32_t>(character.size()), emit);
    at += character.size();
  }
  unknowns.flush(*merges_, emit);
  const auto size = static_cast<uint32_t>(all.size);
  for (size_t i = before; i < out.size(); ++i) {
    ModelToken& t = out[i];
    t = {spelling.pieces[static_cast<size_t>(t.id)].id, std::min(t.begin, size),
         std::min(t.end, size)};
  }
}

bool Bpe::local() const {
  return !ignore_merges_ && !merges_->vanish() && merges_->prefix().empty() &&
         merges_->suffix().empty() && vocabulary.unique_ids();
}

bool Bpe::joined_before(std::string_view mark, bool (&joined)[256]) const {
  const bool known = is_token(mark) || (merges_->regular() && merges_->all_bytes());
  if (!local() || !known) return false;
  // Tokens that end with what stands for an unknown character do not show with which byte.
  std::vector<bool> opaque = merges_->stand_ins();
  for (bool more = !merges_->regular(); more;) {
    more = false;
    for (const BpeMerges::Merge& merge : merges_->list()) {
      if (!opaque[merge.right] || opaque[merge.result]) continue;
      opaque[merge.result] = more = true;
    }
  }
  for (const BpeMerges::Merge& merge : merges_->list()) {
    const std::string_view left = text_of(merge.left);
    if (!text_of(merge.right).starts_with(mark) || left.ends_with(mark)) continue;
    if (opaque[merge.left]) return false;
    joined[static_cast<unsigned char>(left.back())] = true;
  }
  return true;
}

std::vector<bool> Bpe::joined_pairs() const {
  // Unknown characters that are not bytes would fuse across a cut.
  if (!local() || !merges_->regular() || !merges_->all_bytes()) return {};
  std::vector<bool> joined(1 << 16, false);
  for (const BpeMerges::Merge& merge : merges_->list()) {
    const size_t last = static_cast<unsigned char>(text_of(merge.left).back());
    joined[last << 8 | static_cast<unsigned char>(text_of(merge.right).front())] = true;
  }
  return joined;
}

void Bpe::tokenize_decoded(std::string_view piece, ModelTokens& out) const {
  thread_local std::string bytes;
  bytes.clear();
  if (!BpeLinear::decode_bytes(piece, bytes)) {
    const int32_t id = ignore_merges_ ? vocabulary.find(piece) : -1;
    if (id < 0) return tokenize_by_queue(piece, out);
    return out.push_back({id, 0, static_cast<uint32_t>(piece.size())});
  }
  const size_t before = out.size();
  tokenize_bytes(bytes, out);
  size_t at = 0, byte = 0;
  for (size_t i = before; i < out.size(); ++i) {
    const size_t begin = at;
    for (; byte < out[i].end; ++byte) at += utf8_length(piece[at]);
    out[i] = {out[i].id, static_cast<uint32_t>(begin), static_cast<uint32_t>(at)};
  }
}

void Bpe::tokenize_bytes(std::string_view bytes, ModelTokens& out) const {
  const BpeLinear::Spelling& spelling = linear_->bytes();
  const DoubleArray::Hit whole = spelling.trie.longest(bytes, 0);
  const auto size = static_cast<uint32_t>(bytes.size());
  if (whole.end == bytes.size()) {
    return out.push_back({spelling.pieces[whole.value].id, 0, size});
  }
  if (ignore_merges_ && whole_.size() != 0) {
    const int32_t id = whole_.find(bytes);
    if (id >= 0) return out.push_back({id, 0, size});
  }
  const size_t before = out.size();
  linear_->run(spelling, bytes, 0, whole.value, out);
  for (size_t i = before; i < out.size(); ++i) {
    out[i].id = spelling.pieces[static_cast<size_t>(out[i].id)].id;
  }
}

}  // namespace tern::text
