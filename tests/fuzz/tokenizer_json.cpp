// SPDX-License-Identifier: Apache-2.0
// Any bytes as tokenizer.json: an Error, or a tokenizer whose offsets lie inside the text.
#include "../../models/text/tokenizer.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tern;
  return fuzz::answer([&] {
    const Tokenizer t = AutoTokenizer::from_json(as_text(fuzz::input(data, size)), "tokenizer.json");
    constexpr std::string_view kText = "It's a na\xC3\xAFve [MASK] \xE4\xB8\xAD 12ab  <x>.";
    const Encoding e = t.encode(kText, "pair", {.want_tokens = true});
    if (e.offsets.size() != e.ids.size() || e.tokens.size() != e.ids.size()) {
      fuzz::finding("a token without offsets");
    }
    for (const auto& [begin, end] : e.offsets) {
      if (begin < 0 || end < begin || end > static_cast<int32_t>(kText.size())) {
        fuzz::finding("an offset outside of the text");
      }
    }
    t.decode(e.ids);
  });
}
