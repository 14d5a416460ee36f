// SPDX-License-Identifier: Apache-2.0
// Words to tokens; see byte_level_scan.h.
#include "byte_level_scan.h"

#include "id_writer.h"

namespace tern::text {

namespace {

/// Whether a pre-tokenizer that ends with ByteLevel does nothing but cut before.
bool add_scanners(const PreTokenizer* from, ScannerChain& chain) {
  if (const auto* bytes = dynamic_cast<const ByteLevelPreTokenizer*>(from)) {
    const Scanner* words = bytes->regex ? bytes->regex->scanner() : nullptr;
    return !bytes->add_prefix_space && (!bytes->regex || (words && chain.add(*words)));
  }
  const auto* sequence = dynamic_cast<const PreTokenizerSequence*>(from);
  if (!sequence || sequence->steps.empty()) return false;
  for (const auto& step : std::span(sequence->steps).first(sequence->steps.size() - 1)) {
    if (!step->add_scanner(chain)) return false;
  }
  const auto* last = dynamic_cast<const ByteLevelPreTokenizer*>(sequence->steps.back().get());
  return last && add_scanners(last, chain);
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
  ScannerChain words;
  if (!bpe || !bpe->byte_level() || !add_scanners(pre_tokenizer, words) || words.empty()) {
    return nullptr;
  }
  std::unique_ptr<ByteLevelScan> scan(new ByteLevelScan(*bpe, std::move(words)));
  ModelTokens token;
  for (int b = 0; b < 256; ++b) {
    const char byte = static_cast<char>(b);
    token.clear();
    bpe->tokenize_bytes({&byte, 1}, token);
    scan->of_byte_[b] = token.at(0).id;
  }
  if (normalizer) scan->nfc_ = std::make_unique<NfcCheck>();
  return scan;
}

bool ByteLevelScan::tokenize(const WordCache::Word& word, WordTokens& tokens,
                             ModelTokens& many) const {
  model_.tokenize_bytes(word.text, many);
  if (!word.may_be_cached() || many.size() > WordTokens::kMost) return false;
  for (const ModelToken& t : many) {
    if (t.id > WordTokens::kMostId) return false;
  }
  for (size_t i = 0; i < many.size(); ++i) {
    tokens.ids[i] = many[i].id;
    tokens.sizes[i] = static_cast<uint8_t>(many[i].end - many[i].begin);
  }
  tokens.count = static_cast<uint32_t>(many.size());
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

void ByteLevelScan::add_details(const WordCache::Word& word, const WordTokens& tokens,
                                const ModelTokens& many, const Output& out) const {
  if (many.empty() && word.is_ascii() && out.detail == Detail::offsets) {
    for (uint32_t i = 0; i < tokens.count; ++i) {
      const int32_t begin = out.character;
      out.character += tokens.sizes[i];
      out.details->offsets.push_back({begin, out.character});
      out.details->word_ids.push_back(out.word);
    }
    return;
  }
  Details details(model_, out, word.text);
  size_t at = 0;
  for (uint32_t i = 0; i < tokens.count; at += tokens.sizes[i++]) {
    details.add(tokens.ids[i], at, at + tokens.sizes[i]);
  }
  for (const ModelToken& t : many) details.add(t.id, t.begin, t.end);
}

void ByteLevelScan::scan(std::string_view text, const Output& out) const {
  WordTokens tokens;
  ModelTokens many;
  IdWriter ids(out.ids, text.size());
  ScannerChain::Walk walk(words_, text);
  const auto next = [&](size_t at) { return walk.next(at); };
  const auto use = [&](const WordCache::Word& word) {
    if (ids.count() >= out.limit) return false;
    if (word.text.size() == 1) {
      tokens.count = 1;
      tokens.ids[0] = of_byte_[static_cast<unsigned char>(word.text[0])];
      tokens.sizes[0] = 1;
    } else if (!word.may_be_cached() || !cache_.find(word, tokens)) {
      tokens.count = 0;
      if (tokenize(word, tokens, many)) cache_.put(word, tokens);
      ids.add(many);
    }
    ids.add(tokens);
    if (out.details) {
      add_details(word, tokens, many, out);
      ++out.word;
    }
    many.clear();
    return true;
  };
  for_each_word(cache_, text, 0, 0, next, use);
}

}  // namespace tern::text
