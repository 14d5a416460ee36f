// SPDX-License-Identifier: Apache-2.0
// Applying templates and joining encodings; see post_processors.h.
#include "post_processors.h"

#include <algorithm>

#include "../fields.h"
#include "../unicode/unicode.h"
#include "../unicode/utf8.h"

namespace tern::text {

namespace {

/// A pair of long texts with small windows has a row per pair of windows.
constexpr size_t kMaxOverflowTokens = size_t{1} << 27;

template <class T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

/// Without the overflowing windows.
Encoding row(const Encoding& e) {
  return {e.ids,
          e.type_ids,
          e.tokens,
          e.offsets,
          e.word_ids,
          e.sequence_ids,
          e.special_tokens_mask,
          e.attention_mask,
          {}};
}

void join_row(Encoding& to, const Encoding& from) {
  append(to.ids, from.ids);
  append(to.type_ids, from.type_ids);
  append(to.tokens, from.tokens);
  append(to.offsets, from.offsets);
  append(to.word_ids, from.word_ids);
  append(to.sequence_ids, from.sequence_ids);
  append(to.special_tokens_mask, from.special_tokens_mask);
  append(to.attention_mask, from.attention_mask);
}

Encoding joined(const Encoding& a, const Encoding& b) {
  Encoding out = row(a);
  join_row(out, b);
  return out;
}

/// Appends `from`; windows are combined, each of one side with all of the other.
void join(Encoding& to, const Encoding& from) {
  std::vector<Encoding> windows;
  const size_t rows = (to.overflowing.size() + 1) * (from.overflowing.size() + 1);
  if (rows > 1 && rows * (to.ids.size() + from.ids.size() + 1) > kMaxOverflowTokens) {
    fail(ErrorCode::invalid_argument,
         cat("the overflow of this pair has ", rows, " windows: use a larger max_length"));
  }
  for (const Encoding& mine : to.overflowing) {
    windows.push_back(joined(mine, from));
    for (const Encoding& theirs : from.overflowing) windows.push_back(joined(mine, theirs));
  }
  for (const Encoding& theirs : from.overflowing) windows.push_back(joined(to, theirs));
  join_row(to, from);
  to.overflowing = std::move(windows);
}

Encoding special_encoding(const TemplatePiece& piece, Detail detail) {
  const size_t n = piece.ids.size();
  Encoding e;
  e.ids = piece.ids;
  e.type_ids.assign(n, piece.type_id);
  e.special_tokens_mask.assign(n, 1);
  e.attention_mask.assign(n, 1);
  if (detail == Detail::ids) return e;
  e.offsets.assign(n, {0, 0});
  e.word_ids.assign(n, -1);
  e.sequence_ids.assign(n, -1);
  if (detail != Detail::tokens) return e;
  e.tokens = piece.tokens;
  e.tokens.resize(n);
  return e;
}

void set_types(Encoding& e, int64_t type) {
  std::fill(e.type_ids.begin(), e.type_ids.end(), type);
}

/// U+0120 is the byte-level alphabet's blank.
bool is_blank(char32_t c) {
  return c == 0x120 || is_white_space(c);
}

void trim(Encoding& e, bool add_prefix_space) {
  for (size_t i = 0; i < e.offsets.size(); ++i) {
    const std::string_view token = e.tokens[i];
    int32_t leading = 0, trailing = 0;
    for (size_t k = 0; k < token.size() && is_blank(next_char(token, k));) ++leading;
    for (size_t k = token.size(); k > 0 && is_blank(previous_char(token, k));) ++trailing;
    auto& [begin, end] = e.offsets[i];
    if (leading > 0) {
      // One blank at the beginning is the one that was added; of several none was.
      if (add_prefix_space && leading == 1 && (i == 0 || begin == 0)) leading = 0;
      begin = std::min(begin + leading, end);
    }
    if (trailing > 0 && end >= trailing) end = std::max(end - trailing, begin);
  }
}

Template default_template(bool is_pair) {
  Template out(is_pair ? 2 : 1);
  for (size_t i = 0; i < out.size(); ++i) {
    out[i].sequence = static_cast<int>(i);
    out[i].type_id = static_cast<int64_t>(i);
  }
  return out;
}

const Template& template_of(const PostProcessor& p, bool is_pair) {
  static const Template plain[2] = {default_template(false), default_template(true)};
  const auto& own = is_pair ? p.pair : p.single;
  return own ? *own : plain[is_pair];
}

}  // namespace

int64_t PostProcessor::added(bool is_pair) const noexcept {
  int64_t count = 0;
  for (const TemplatePiece& piece : template_of(*this, is_pair)) {
    count += static_cast<int64_t>(piece.ids.size());
  }
  return count;
}

Encoding PostProcessor::process(Encoding first, Encoding* second, bool add_special_tokens,
                                Detail detail) const {
  Encoding* const sequences[2] = {&first, second};
  for (int i = 0; i < 2 && sequences[i]; ++i) {
    Encoding& e = *sequences[i];
    for (const bool prefix : trims) {
      if (detail != Detail::tokens) break;
      trim(e, prefix);
      for (Encoding& o : e.overflowing) trim(o, prefix);
    }
    set_types(e, all_types_zero ? 0 : i);
    for (Encoding& o : e.overflowing) set_types(o, all_types_zero && add_special_tokens ? 0 : i);
  }
  Encoding out;
  for (const TemplatePiece& piece : template_of(*this, second != nullptr)) {
    if (piece.sequence < 0) {
      if (add_special_tokens) join(out, special_encoding(piece, detail));
      continue;
    }
    Encoding* const sequence = sequences[piece.sequence];
    if (!sequence) continue;
    set_types(*sequence, all_types_zero ? 0 : piece.type_id);
    join(out, *sequence);
  }
  return out;
}

}  // namespace tern::text
