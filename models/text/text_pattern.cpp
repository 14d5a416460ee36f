// SPDX-License-Identifier: Apache-2.0
// Looking for literal texts; see text_pattern.h.
#include "text_pattern.h"

#include "fields.h"
#include "unicode/utf8.h"

namespace tern::text {

namespace {

void find_literal(std::string_view text, std::string_view literal, std::vector<Regex::Match>& out) {
  if (literal.empty()) {
    for (size_t i = 0; i < text.size(); i += utf8_length(text[i])) out.push_back({i, i});
    out.push_back({text.size(), text.size()});
    return;
  }
  // A character's first byte is not another's later one, so a match begins at a character.
  for (size_t at = 0; (at = text.find(literal, at)) != std::string_view::npos;) {
    out.push_back({at, at + literal.size()});
    at += literal.size();
  }
}

}  // namespace

TextPattern TextPattern::parse(const hub::Json& json, std::string_view what) {
  if (json.contains("String")) return TextPattern(read_string(json, "String", std::nullopt));
  if (json.contains("Regex")) {
    TextPattern pattern(read_string(json, "Regex", std::nullopt));
    pattern.regex_ = Regex::compile(pattern.text_, what);
    return pattern;
  }
  fail(ErrorCode::corrupt,
       cat("tokenizer.json: the pattern of ", what, " must be {\"String\": …} or {\"Regex\": …}"));
}

void TextPattern::find_all(std::string_view text, Regex::Deadline deadline,
                           std::vector<Regex::Match>& out) const {
  out.clear();
  if (text.empty()) return;
  if (regex_)
    regex_->find_all(text, deadline, out);
  else
    find_literal(text, text_, out);
}

}  // namespace tern::text
