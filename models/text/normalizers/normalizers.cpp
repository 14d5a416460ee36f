// SPDX-License-Identifier: Apache-2.0
// The normalizers; see normalizers.h. Order and details are the reference's.
#include "normalizers.h"

namespace tern::text {

namespace {

void keep_if(Normalized& text, auto&& wanted) {
  Rewriter out(text);
  while (!out.done()) {
    if (wanted(out.peek()))
      out.keep();
    else
      out.skip();
  }
  out.finish();
}

void clean(Normalized& text) {
  Rewriter out(text);
  while (!out.done()) {
    const char32_t c = out.peek();
    if (is_bert_removed(c, char_class(c)))
      out.skip();
    else if (is_white_space(c))
      out.replace(' ');
    else
      out.keep();
  }
  out.finish();
}

void space_out_ideographs(Normalized& text) {
  Rewriter out(text);
  while (!out.done()) {
    const char32_t c = out.peek();
    if (!is_bert_ideograph(c)) {
      out.keep();
      continue;
    }
    out.replace(' ');
    out.insert(c);
    out.insert(' ');
  }
  out.finish();
}

void to_normal_form(Normalized& text, NormalForm form) {
  std::vector<Change> changes;
  normal_form(text.text, form, changes);
  Rewriter out(text);
  for (const Change& c : changes) out.apply(c);
  out.finish();
}

void lower(Normalized& text) {
  Rewriter out(text);
  while (!out.done()) {
    const char32_t c = out.peek();
    out.replace(to_lower(c));
    if (c == 0x130) out.insert(0x307);
  }
  out.finish();
}

}  // namespace

bool is_bert_ideograph(char32_t c) noexcept {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool is_bert_removed(char32_t c, uint16_t char_class) noexcept {
  if (c == '\t' || c == '\n' || c == '\r') return false;
  return c == 0xFFFD || (char_class & kOther8) != 0;
}

void BertNormalizer::normalize(Normalized& text) const {
  if (clean_text) clean(text);
  if (handle_chinese_chars) space_out_ideographs(text);
  if (strip_accents) {
    to_normal_form(text, NormalForm::nfd);
    keep_if(text, [](char32_t c) { return (char_class(c) & kNonspacing8) == 0; });
  }
  if (lowercase) lower(text);
}

void Lowercase::normalize(Normalized& text) const {
  lower(text);
}

void UnicodeNormalizer::normalize(Normalized& text) const {
  to_normal_form(text, form);
}

void StripAccents::normalize(Normalized& text) const {
  keep_if(text, [](char32_t c) { return (char_class(c) & kMark9) == 0; });
}

void Strip::normalize(Normalized& text) const {
  const std::string_view all = text.text;
  size_t begin = 0, end = all.size();
  for (size_t i = 0; left && i < all.size();) {
    if (!is_white_space(next_char(all, i))) break;
    begin = i;
  }
  for (size_t i = all.size(); right && i > begin;) {
    if (!is_white_space(previous_char(all, i))) break;
    end = i;
  }
  text.text.erase(end);
  text.text.erase(0, begin);
  if (!text.tracked) return;
  const auto at = [&](size_t i) { return text.origin.begin() + static_cast<std::ptrdiff_t>(i); };
  text.origin.erase(at(end), text.origin.end());
  text.origin.erase(at(0), at(begin));
}

void Replace::normalize(Normalized& text) const {
  const std::string source = text.text;
  size_t found = pattern.empty() ? std::string::npos : source.find(pattern);
  if (found == std::string::npos) return;
  Rewriter out(text);
  for (size_t at = 0; at < source.size();) {
    if (at != found) {
      at += utf8_length(source[at]);
      out.keep();
      continue;
    }
    out.replace_bytes(pattern.size(), content);
    at += pattern.size();
    found = source.find(pattern, at);
  }
  out.finish();
}

void Prepend::normalize(Normalized& text) const {
  if (text.text.empty()) return;
  // The inserted characters share the place of the character they stand before.
  text.text.insert(0, content);
  if (text.tracked) text.origin.insert(text.origin.begin(), content.size(), text.origin.front());
}

void NormalizerSequence::normalize(Normalized& text) const {
  for (const auto& step : steps) step->normalize(text);
}

}  // namespace tern::text
