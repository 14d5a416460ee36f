// SPDX-License-Identifier: Apache-2.0
// Words to tokens; see byte_level_scan.h.
#include "byte_level_scan.h"

namespace tern::text {

namespace {

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
  std::vector<ModelToken> token;
  for (int b = 0; b < 256; ++b) {
    const char byte = static_cast<char>(b);
    token.clear();
    bpe->tokenize_bytes({&byte, 1}, token);
    scan->of_byte_[b] = token.at(0).id;
  }
  if (normalizer) scan->nfc_ = std::make_unique<NfcCheck>();
  return scan;
}

bool ByteLevelScan::tokenize(std::string_view word, WordCache::Entry& entry,
                             std::vector<ModelToken>& many) const {
  many.clear();
  entry.count = 0;
  model_.tokenize_bytes(word, many);
  if (word.size() > CachedWord::kMost || many.size() > WordCache::kMostTokens) return false;
  for (const ModelToken& t : many) {
    if (t.id > WordCache::kMostId) return false;
  }
  for (size_t i = 0; i < many.size(); ++i) {
    entry.ids[i] = many[i].id;
    entry.sizes[i] = static_cast<uint8_t>(many[i].end - many[i].begin);
  }
  entry.count = static_cast<uint32_t>(many.size());
  many.clear();
  return true;
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

void ByteLevelScan::add_details(std::string_view word, const WordCache::Entry& entry,
                                const std::vector<ModelToken>& many, const Output& out) const {
  Details details(model_, out, word);
  size_t at = 0;
  for (uint32_t i = 0; i < entry.count; at += entry.sizes[i++]) {
    details.add(entry.ids[i], at, at + entry.sizes[i]);
  }
  for (const ModelToken& t : many) details.add(t.id, t.begin, t.end);
}

/// Of a word whose bytes are its characters.
void ByteLevelScan::add_offsets(const WordCache::Entry& entry, const Output& out) const {
  for (uint32_t i = 0; i < entry.count; ++i) {
    const int32_t begin = out.character;
    out.character += entry.sizes[i];
    out.details->offsets.push_back({begin, out.character});
    out.details->word_ids.push_back(out.word);
  }
}

void ByteLevelScan::scan(std::string_view text, const Output& out) const {
  WordCache::Entry entry;
  std::vector<ModelToken> many;
  const auto next = [&](size_t at) { return scanner_.next(text, at); };
  const auto use = [&](std::string_view word, const CachedWord& key, size_t place) {
    if (out.ids.size() >= out.limit) return false;
    const bool cached = WordCache::may_have(word.size());
    if (word.size() == 1) {
      entry.ids[0] = of_byte_[static_cast<unsigned char>(word[0])];
      entry.sizes[0] = 1;
      entry.count = 1;
    } else if (!cached || !cache_.find(place, key, entry)) {
      if (tokenize(word, entry, many)) cache_.put(place, key, entry);
    }
    for (uint32_t i = 0; i < entry.count; ++i) out.ids.push_back(entry.ids[i]);
    for (const ModelToken& t : many) out.ids.push_back(t.id);
    if (out.details && cached && key.is_ascii() && many.empty() && out.detail == Detail::offsets) {
      add_offsets(entry, out);
    } else if (out.details) {
      add_details(word, entry, many, out);
    }
    many.clear();
    ++out.word;
    return true;
  };
  for_each_word(cache_, text, 0, 0, next, use);
}

}  // namespace tern::text
