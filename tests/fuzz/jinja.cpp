// SPDX-License-Identifier: Apache-2.0
// Any bytes as a chat template: an Error, or valid UTF-8 within the limit, with spans that do not
// end before they begin. (They may lie beyond the text: inside a macro they count as the reference
// counts them.)
#include "../../models/text/chat_template.h"
#include "../../models/text/unicode/utf8.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tern;
  static const hub::Json messages = hub::Json::parse(
      R"([{"role":"system","content":"Be \u00e9."},{"role":"user","content":[{"type":"text","text":"Hi"}]},
          {"role":"assistant","content":"Yo ","tool_calls":[{"function":{"name":"f","arguments":{"a":[1,2.5,null]}}}]}])",
      "messages");
  static const hub::Json tools =
      hub::Json::parse(R"([{"type":"function","function":{"name":"f"}}])", "tools");
  return fuzz::answer([&] {
    const auto chat =
        ChatTemplate::from_text(as_text(fuzz::input(data, size)), {{"bos_token", "<s>"}});
    const RenderedChat out = chat.render(messages, {.tools = tools, .add_generation_prompt = true});
    if (out.text.size() > (size_t{16} << 20)) fuzz::finding("more output than allowed");
    std::string scratch;
    if (text::valid_utf8(out.text, scratch).data() != out.text.data())
      fuzz::finding("invalid UTF-8");
    for (const auto& [begin, end] : out.assistant) {
      if (end < begin) fuzz::finding("a span that ends before it begins");
    }
  });
}
