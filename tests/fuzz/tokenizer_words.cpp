// SPDX-License-Identifier: Apache-2.0
// Any bytes as text: what runs word by word, with a cache, agrees with the stages, which run when
// tokens are asked for; the first byte chooses the tokenizer. Byte-level BPE in one pass agrees
// with its stages, which run when the pattern is written otherwise.
#include "../../models/text/regex/scanners.h"
#include "../../models/text/tokenizer.h"
#include "../../models/text/unicode/byte_alphabet.h"
#include "../../models/text/unicode/utf8.h"
#include "../models/text/small_tokenizers.h"
#include "target.h"

namespace {

using namespace tern;
using namespace tern::test;

Tokenizer from(const std::string& json) {
  return AutoTokenizer::from_json(json, "tokenizer.json");
}

std::vector<Tokenizer> wordwise() {
  const std::string first = metaspace("first", false), cuts = metaspace("first", true);
  const char* fallback = R"("fuse_unk":true,"byte_fallback":true,)";
  std::vector<Tokenizer> out;
  for (const char* options : {"", fallback}) {
    out.push_back(from(tokenizer_json(kLlama, "null", bpe(options))));
    out.push_back(from(tokenizer_json(kGemma, kSplit, bpe(options), kAdded)));
    out.push_back(from(tokenizer_json("null", first, bpe(options))));
  }
  for (const char* normalizer : {kAlbert, kStrip}) {
    out.push_back(from(tokenizer_json(normalizer, kWords, unigram())));
    out.push_back(from(tokenizer_json(normalizer, cuts, unigram(), kAdded)));
  }
  return out;
}

Tokenizer byte_level(bool one_pass) {
  std::string vocab;
  int id = 0;
  for (int byte = 0; byte < 256; ++byte) {
    std::string token;
    text::append_char(token, text::character_of_byte(static_cast<uint8_t>(byte)));
    vocab += cat(id == 0 ? "" : ",", hub::json_quote(token), ":", id);
    ++id;
  }
  vocab += R"(,"th":256,"the":257,"Ġthe":258,"ĠĠ":259,"Ã©":260)";
  // What no scanner knows matches nothing.
  const std::string pattern = cat(text::kCl100kPattern, one_pass ? "" : "|(?<=x)(?<!x)x");
  return from(cat(
      R"({"normalizer":{"type":"NFC"},"pre_tokenizer":{"type":"Sequence","pretokenizers":[)",
      R"({"type":"Split","pattern":{"Regex":)", hub::json_quote(pattern),
      R"(},"behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":false,)",
      R"("trim_offsets":true,"use_regex":false}]},"added_tokens":[],"model":{"type":"BPE","vocab":{)",
      vocab, R"(},"merges":["t h","th e","Ġ the","Ġ Ġ","Ã ©"]}})"));
}

void compare(const Tokenizer& words, const Tokenizer& stages, std::string_view text) {
  const Encoding whole = stages.encode(text, {.want_tokens = true});
  for (int i = 0; i < 2; ++i) {
    std::vector<int64_t> ids;
    words.encode_ids(text, {}, ids);
    if (ids != whole.ids) fuzz::finding("other ids");
    const Encoding places = words.encode(text, {.want_offsets = true});
    if (places.ids != whole.ids) fuzz::finding("other ids with offsets");
    if (places.offsets != whole.offsets) fuzz::finding("other offsets");
    if (places.word_ids != whole.word_ids) fuzz::finding("other words");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<Tokenizer> tokenizers = wordwise();
  static const Tokenizer pass = byte_level(true), stages = byte_level(false);
  if (size == 0) return 0;
  const std::string_view text = as_text(fuzz::input(data + 1, size - 1));
  const size_t chosen = data[0] % (tokenizers.size() + 1);
  if (chosen == tokenizers.size()) {
    compare(pass, stages, text);
  } else {
    compare(tokenizers[chosen], tokenizers[chosen], text);
  }
  return 0;
}
