// SPDX-License-Identifier: Apache-2.0
// Special tokens that classes have beside the named ones.
#include <algorithm>

#include "../../../engine/base/format.h"
#include "classes.h"
#include "plain_text.h"

namespace tern::text {

namespace {

GivenToken plain(std::string content) {
  GivenToken t;
  t.content = std::move(content);
  return t;
}

void append_words(std::vector<GivenToken>& out, std::string_view words) {
  each_word(words, [&](std::string_view word) { out.push_back(plain(std::string(word))); });
}

}  // namespace

std::vector<GivenToken> class_extras(const TokenizerClass& row, const Arguments& a) {
  std::vector<GivenToken> out = a.additional.value_or(std::vector<GivenToken>());
  const bool given = a.additional.has_value();
  switch (row.extras) {
    case Extras::file:
      break;
    case Extras::t5:
      if (std::none_of(out.begin(), out.end(), [](const GivenToken& t) {
            return t.content.find("<extra_id_") != t.content.npos;
          })) {
        const int64_t count = a.count("extra_ids", 100);
        for (int64_t i = 0; i < count; ++i) out.push_back(plain(cat("<extra_id_", i, ">")));
      }
      break;
    case Extras::pegasus: {
      out.clear();
      if (!a.has("mask_token_sent") || a["mask_token_sent"].is_string()) {
        out.push_back(plain(std::string(a["mask_token_sent"].string().value_or("<mask_1>"))));
      }
      const int64_t offset = a.count("offset", 103);
      for (int64_t i = 2; i < offset; ++i) out.push_back(plain(cat("<unk_", i, ">")));
      break;
    }
    case Extras::camembert:
      if (!given) append_words(out, "<s>NOTUSED </s>NOTUSED <unk>NOTUSED");
      break;
    case Extras::xlnet:
      if (!given) append_words(out, "<eop> <eod>");
      break;
    case Extras::xglm:
      for (int i = 0; i < 7; ++i) out.push_back(plain(cat("<madeupword", i, ">")));
      break;
    case Extras::code_llama:
      append_words(out, "▁<PRE> ▁<MID> ▁<SUF> ▁<EOT> <FILL_ME>");
      break;
    case Extras::nllb:
      if (!given) append_words(out, kNllbCodes);
      break;
    case Extras::mbart: {
      std::vector<GivenToken> codes;
      append_words(codes, kMbartCodes);
      codes.insert(codes.end(), out.begin(), out.end());
      return codes;
    }
    case Extras::mbart50:
      append_words(out, kMbartCodes);
      append_words(out, kMbart50Codes);
      break;
  }
  return out;
}

}  // namespace tern::text
