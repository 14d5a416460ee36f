// SPDX-License-Identifier: Apache-2.0
// The normalizers; see normalizers.h. Order and details are the reference's.
#include "normalizers.h"

#include "../unicode/byte_alphabet.h"
#include "../unicode/graphemes.h"

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

/// SentencePiece's rule: controls but not the blanks among them.
bool is_nmt_removed(char32_t c) {
  return (c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F ||
         c == 0x9F;
}

bool is_nmt_blank(char32_t c) {
  return c == 9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 ||
         (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF ||
         c == 0xFFFD;
}

/// `chars` characters of the source become `text`. What the result is longer by counts as inserted;
/// what it is shorter by is swallowed by the last character written, whichever that is.
void substitute(std::vector<Change>& changes, size_t chars, std::string_view text) {
  size_t count = 0;
  for (size_t i = 0; i < text.size(); ++count) {
    const char32_t c = next_char(text, i);
    changes.push_back({c, count < chars ? 0 : 1});
  }
  if (count < chars && !changes.empty()) {
    changes.back().change -= static_cast<int32_t>(chars - count);
  }
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
  std::vector<Regex::Match> matches;
  pattern.find_all(text.text, matches);
  if (matches.empty()) return;
  Rewriter out(text);
  size_t at = 0;
  for (const Regex::Match& m : matches) {
    for (; at < m.begin; at += out.keep()) {
    }
    out.replace_bytes(m.end - m.begin, content);
    at = m.end;
  }
  while (!out.done()) out.keep();
  out.finish();
}

void Prepend::normalize(Normalized& text) const {
  if (text.text.empty()) return;
  // The inserted characters share the place of the character they stand before.
  text.text.insert(0, content);
  if (text.tracked) text.origin.insert(text.origin.begin(), content.size(), text.origin.front());
}

void Nmt::normalize(Normalized& text) const {
  keep_if(text, [](char32_t c) { return !is_nmt_removed(c); });
  Rewriter out(text);
  while (!out.done()) {
    if (is_nmt_blank(out.peek()))
      out.replace(' ');
    else
      out.keep();
  }
  out.finish();
}

void Precompiled::normalize(Normalized& text) const {
  std::vector<Change> changes;
  bool modified = false;
  for (size_t at = 0; at < text.text.size();) {
    const std::string_view all = text.text;
    const size_t end = grapheme_end(all, at);
    const std::string_view grapheme = all.substr(at, end - at);
    const auto whole = grapheme.size() < 6 ? rules.find(grapheme) : std::nullopt;
    if (whole) substitute(changes, count_chars(grapheme), *whole);
    modified = modified || whole;
    for (size_t i = at; i < end && !whole;) {
      const size_t begin = i;
      const char32_t c = next_char(all, i);
      const auto one = rules.find(all.substr(begin, i - begin));
      if (one)
        substitute(changes, 1, *one);
      else
        changes.push_back({c, 0});
      modified = modified || one;
    }
    at = end;
  }
  if (!modified) return;
  Rewriter out(text);
  for (const Change& c : changes) out.apply(c);
  out.finish();
}

void ByteLevelNormalizer::normalize(Normalized& text) const {
  Rewriter out(text);
  while (!out.done()) {
    const std::string_view bytes = out.peek_bytes();
    out.replace(character_of_byte(static_cast<uint8_t>(bytes[0])));
    for (const char byte : bytes.substr(1)) {
      out.insert(character_of_byte(static_cast<uint8_t>(byte)));
    }
  }
  out.finish();
}

void NormalizerSequence::normalize(Normalized& text) const {
  for (const auto& step : steps) step->normalize(text);
}

}  // namespace tern::text
