// SPDX-License-Identifier: Apache-2.0
// Any bytes as text: BERT's fused pass and the separate stages agree. The first byte chooses the rules.
#include "../../engine/base/format.h"
#include "../../models/text/tokenizer.h"
#include "target.h"

namespace {

using namespace tern;

Tokenizer make(int flags, bool wrapped) {
  const auto flag = [&](int bit) { return (flags >> bit & 1) != 0; };
  const std::string rules =
      cat(R"({"type":"BertNormalizer","clean_text":)", flag(0), R"(,"handle_chinese_chars":)", flag(1),
          R"(,"strip_accents":)", flag(2), R"(,"lowercase":)", flag(3), "}");
  return AutoTokenizer::from_json(
      cat(R"({"normalizer":)",
          wrapped ? cat(R"({"type":"Sequence","normalizers":[)", rules, "]}") : rules,
          R"(,"pre_tokenizer":{"type":"BertPreTokenizer"},"added_tokens":[{"id":0,"content":"[UNK]",)",
          R"("special":true}],"model":{"type":"WordPiece","max_input_chars_per_word":12,"vocab":)",
          R"({"[UNK]":0,"a":1,"##a":2,"ab":3,"##b":4,"A":5,".":6,"##\u0301":7,"e":8,"\u00e9":9,)",
          R"("\u4e2d":10,"##\u1161":11,"\u1100":12}}})"),
      "tokenizer.json");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static std::vector<Tokenizer> fused, stages;
  for (int i = static_cast<int>(fused.size()); i < 16; ++i) {
    fused.push_back(make(i, false));
    stages.push_back(make(i, true));
  }
  if (size == 0) return 0;
  const size_t rules = data[0] & 15;
  const std::string_view text = as_text(fuzz::input(data + 1, size - 1));
  const Encoding a = fused[rules].encode(text, {.want_tokens = true});
  const Encoding b = stages[rules].encode(text, {.want_tokens = true});
  if (a.ids != b.ids || a.offsets != b.offsets || a.word_ids != b.word_ids || a.tokens != b.tokens) {
    fuzz::finding("the fused pass gives another result");
  }
  std::vector<int64_t> ids;
  fused[rules].encode_ids(text, {}, ids);
  if (ids != a.ids) fuzz::finding("encode_ids gives other ids");
  return 0;
}
