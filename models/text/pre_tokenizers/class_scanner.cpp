// SPDX-License-Identifier: Apache-2.0
// Digits and Punctuation as scanners; see pre_tokenizers.h.
#include "../regex/ascii_letters.h"
#include "pre_tokenizers.h"

namespace tern::text {

namespace {

/// Characters of a class, one by one or in runs, and what lies between them.
class ClassScanner final : public Scanner {
 public:
  ClassScanner(CharClass members, bool runs) : members_(members), runs_(runs) {
    for (unsigned char c = 0; c < 128; ++c) ascii_[c] = has(c);
  }

  Cut next(std::string_view text, size_t from) const override {
    size_t i = from;
    const bool member = take(text, i);
    while (i < text.size() && !(member && !runs_)) {
      // No letters are members.
      if (!member) i = skip_ascii_letters(text, i);
      if (i == text.size()) break;
      size_t after = i;
      if (take(text, after) != member) break;
      i = after;
    }
    return {i, member};
  }

 private:
  bool has(char32_t c) const { return (char_class(c) & members_) != 0; }
  bool take(std::string_view text, size_t& i) const {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80) return ++i, ascii_[byte];
    return has(next_char(text, i));
  }

  CharClass members_;
  bool runs_;
  std::array<bool, 128> ascii_;
};

}  // namespace

bool ClassPreTokenizer::add_scanner(ScannerChain& chain) const {
  const bool runs = behavior == SplitBehavior::contiguous;
  const bool cuts = runs || behavior == SplitBehavior::isolated;
  if (!cuts || (kind != Kind::numeric && kind != Kind::punctuation)) return false;
  const CharClass members = kind == Kind::numeric ? kNumeric17 : kPunctuation8;
  return chain.add(std::make_unique<ClassScanner>(members, runs));
}

}  // namespace tern::text
