// SPDX-License-Identifier: Apache-2.0
// Words to tokens; see byte_level_scan.h.
#include "byte_level_scan.h"

#include <array>
#include <cstring>

namespace tern::text {

namespace {

constexpr size_t kShort = 16;

/// The pattern that cuts the text, or null when the pre-tokenizer is another kind.
const Regex* pattern_of(const PreTokenizer* pre_tokenizer) {
  if (const auto* bytes = dynamic_cast<const ByteLevelPreTokenizer*>(pre_tokenizer)) {
    return bytes->add_prefix_space ? nullptr : bytes->regex.get();
  }
  const auto* sequence = dynamic_cast<const PreTokenizerSequence*>(pre_tokenizer);
  if (!sequence || sequence->steps.size() != 2) return nullptr;
  const auto* split = dynamic_cast<const SplitPreTokenizer*>(sequence->steps[0].get());
  const auto* bytes = dynamic_cast<const ByteLevelPreTokenizer*>(sequence->steps[1].get());
  const bool plain = split && bytes && split->behavior == SplitBehavior::isolated &&
                     !split->invert && !bytes->add_prefix_space && !bytes->regex;
  return plain ? split->pattern.regex() : nullptr;
}

ShortWord short_word(std::string_view text, size_t begin, size_t size) {
  if (begin + kShort <= text.size()) return ShortWord::load(text.data() + begin, size);
  char bytes[kShort] = {};
  std::memcpy(bytes, text.data() + begin, size);
  return ShortWord::load(bytes, size);
}

/// The characters that begin in these bytes.
int32_t characters(std::string_view bytes) {
  int32_t count = 0;
  for (const char c : bytes) count += !is_continuation(c);
  return count;
}

}  // namespace

std::unique_ptr<ByteLevelScan> ByteLevelScan::make(const Normalizer* normalizer,
                                                   const PreTokenizer* pre_tokenizer,
                                                   const TextModel& model) {
  const auto* form = dynamic_cast<const UnicodeNormalizer*>(normalizer);
  if (normalizer && !(form && form->form == NormalForm::nfc)) return nullptr;
  const auto* bpe = dynamic_cast<const Bpe*>(&model);
  const Regex* pattern = pattern_of(pre_tokenizer);
  const Scanner* scanner = pattern ? pattern->scanner() : nullptr;
  if (!bpe || !bpe->byte_level() || !scanner) return nullptr;
  std::unique_ptr<ByteLevelScan> scan(new ByteLevelScan(*bpe, *scanner));
  if (normalizer) scan->nfc_ = std::make_unique<NfcCheck>();
  return scan;
}

ByteLevelScan::Word ByteLevelScan::next_word(std::string_view text, size_t from) const {
  Word word{text.substr(from, scanner_.next(text, from) - from), {}, 0};
  if (word.text.size() > kShort) return word;
  word.key = short_word(text, from, word.text.size());
  word.place = cache_.place(word.key, word.text.size());
  cache_.fetch(word.place);
  return word;
}

/// The tokens of one word, in `entry`, or in `many` when that has none (count 0).
void ByteLevelScan::tokens_of(const Word& word, WordCache::Entry& entry,
                              std::vector<ModelToken>& many) const {
  const size_t size = word.text.size();
  many.clear();
  if (size <= kShort && cache_.find(word.place, word.key, size, entry)) return;
  entry.count = 0;
  model_.tokenize_bytes(word.text, many);
  if (size <= kShort) cache_.put(word.place, word.key, size, many);
}

namespace {

/// Writes the offsets of one word's tokens, which follow one another.
class Details {
 public:
  Details(const Bpe& model, const ByteLevelScan::Output& out, std::string_view word)
      : model_(model), out_(out), word_(word) {}

  void add(int32_t id, size_t begin, size_t end) {
    // A token that begins inside a character has that character's place, too.
    const int32_t inside = is_continuation(word_[begin]) ? 1 : 0;
    const int32_t first = out_.character - inside;
    out_.character += characters(word_.substr(begin, end - begin));
    out_.details->offsets.push_back({first, out_.character});
    out_.details->word_ids.push_back(out_.word);
    if (out_.detail != Detail::tokens) return;
    out_.details->tokens.emplace_back(model_.vocabulary.token(id).value_or(""));
  }

 private:
  const Bpe& model_;
  const ByteLevelScan::Output& out_;
  std::string_view word_;
};

}  // namespace

void ByteLevelScan::add(const Word& word, const WordCache::Entry& entry,
                        const std::vector<ModelToken>& many, const Output& out) const {
  for (uint32_t i = 0; i < entry.count; ++i) out.ids.push_back(entry.ids[i]);
  for (const ModelToken& t : many) out.ids.push_back(t.id);
  if (!out.details) return;
  Details details(model_, out, word.text);
  size_t at = 0;
  for (uint32_t i = 0; i < entry.count; at += entry.sizes[i++]) {
    details.add(entry.ids[i], at, at + entry.sizes[i]);
  }
  for (const ModelToken& t : many) details.add(t.id, t.begin, t.end);
}

void ByteLevelScan::scan(std::string_view text, const Output& out) const {
  constexpr size_t kAhead = 16;  // words whose places are fetched together
  std::array<Word, kAhead> words;
  WordCache::Entry entry;
  std::vector<ModelToken> many;
  for (size_t at = 0; at < text.size();) {
    size_t count = 0;
    for (; count < kAhead && at < text.size(); ++count) {
      words[count] = next_word(text, at);
      at += words[count].text.size();
    }
    for (size_t i = 0; i < count; ++i) {
      if (out.ids.size() >= out.limit) return;
      tokens_of(words[i], entry, many);
      add(words[i], entry, many, out);
      ++out.word;
    }
  }
}

}  // namespace tern::text
