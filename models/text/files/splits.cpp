// SPDX-License-Identifier: Apache-2.0
// Two tries find what a token begins and ends with; see splits.h.
#include "splits.h"

#include <algorithm>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../../../hub/formats/json.h"
#include "../unicode/unicode.h"
#include "../unicode/utf8.h"
#include "plain_text.h"

namespace tern::text {

std::vector<Split> all_splits(const std::vector<std::string_view>& tokens) {
  ByteTrie forward, backward;
  size_t bytes = 0;
  for (const std::string_view t : tokens) bytes += t.size();
  forward.reserve(bytes);
  backward.reserve(bytes);
  std::string reversed;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].empty()) continue;
    forward.insert(tokens[i], static_cast<int32_t>(i));
    reversed.assign(tokens[i].rbegin(), tokens[i].rend());
    backward.insert(reversed, static_cast<int32_t>(i));
  }
  std::vector<Split> out;
  std::vector<int32_t> right;  // [k]: the token that the whole one has from byte k on, or -1
  for (size_t i = 0; i < tokens.size(); ++i) {
    const std::string_view whole = tokens[i];
    if (whole.empty() || forward.value(forward.walk(0, whole)) != static_cast<int32_t>(i)) continue;
    right.assign(whole.size(), -1);
    uint32_t node = 0;
    for (size_t k = whole.size(); k-- > 1;) {
      node = backward.child(node, whole[k]);
      right[k] = backward.value(node);
    }
    node = 0;
    for (size_t k = 1; k < whole.size(); ++k) {
      node = forward.child(node, whole[k - 1]);
      const int32_t left = forward.value(node);
      if (left < 0 || right[k] < 0) continue;
      out.push_back(
          {static_cast<uint32_t>(i), static_cast<uint32_t>(left), static_cast<uint32_t>(right[k])});
    }
  }
  return out;
}

namespace {

std::string_view without_tail(std::string_view line) {
  for (size_t i = line.size(); i > 0;) {
    if (!is_white_space(previous_char(line, i))) break;
    line = line.substr(0, i);
  }
  return line;
}

void check_utf8(std::string_view text, std::string_view what) {
  std::string scratch;
  if (!text.empty() && valid_utf8(text, scratch).data() != text.data()) {
    fail(ErrorCode::corrupt, cat(what, ": is not UTF-8"));
  }
}

}  // namespace

Vocabulary read_word_lines(std::string_view text, std::string_view what) {
  check_utf8(text, what);
  Vocabulary out;
  out.reserve(static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) + 1, text.size());
  std::string_view line;
  for (int64_t id = 0; next_line(text, line); ++id) out.add(without_tail(line), id);
  out.finish();
  return out;
}

Vocabulary read_token_ids(std::string_view text, std::string_view what) {
  const hub::Json json = hub::Json::parse(text, what);
  if (!json.is_object()) fail(ErrorCode::corrupt, cat(what, ": must be an object of tokens"));
  Vocabulary out;
  out.reserve(json.members().size(), text.size());
  for (const auto& [token, id] : json.members()) {
    if (!id.is_number()) continue;
    const std::string_view digits = id.number_text();
    if (digits.find_first_not_of("0123456789") != digits.npos || !id.integer()) {
      fail(ErrorCode::corrupt,
           cat(what, ": the id of '", token, "' must be an integer from 0 on, found ", digits));
    }
    out.add(token, *id.integer());
  }
  out.finish();
  return out;
}

Merges read_merge_lines(std::string_view text, std::string_view what) {
  check_utf8(text, what);
  Merges out;
  std::string_view line;
  for (size_t number = 1; next_line(text, line); ++number) {
    if (line.starts_with("#version")) continue;
    const size_t blank = line.find(' ');
    if (blank == line.npos || line.find(' ', blank + 1) != line.npos) {
      fail(ErrorCode::corrupt,
           cat(what, ": line ", number, " must be two tokens and one blank between"));
    }
    out.emplace_back(line.substr(0, blank), line.substr(blank + 1));
  }
  return out;
}

}  // namespace tern::text
