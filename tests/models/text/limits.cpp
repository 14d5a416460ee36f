// SPDX-License-Identifier: Apache-2.0
// What any text costs, for every vocabulary: linear time, little stack. bench_linear measures the
// same up to 100 MB.
#include <doctest/doctest.h>

#include <algorithm>

#include "../../../models/text/chat_template.h"
#include "../../../models/text/text_stream.h"
#include "../../needs.h"
#include "cases.h"
#include "linear_time.h"

using namespace tern;
using namespace tern::test;

namespace {

constexpr size_t kSmallStack = 128 * 1024;

/// "%": replaced by an added token.
const std::vector<std::string>& hostile_units() {
  static const std::vector<std::string> units{"A",       " ",
                                              "\u0301",  "\U0001F468\u200D",
                                              "\xFF",    std::string(1, '\0'),
                                              "a\u0301", "[CLS",
                                              "##",      "中",
                                              "\n",      "aBcDeFgHiJ",
                                              "x ",      "\u302e\u0301 Zoë",
                                              "<",       "'s",
                                              "\xC3",    "123",
                                              "\u2581",  "ﷺ",
                                              "%",       "% ",
                                              "%a"};
  return units;
}

std::string hostile(const Tokenizer& tokenizer, std::string unit, size_t bytes) {
  if (const size_t at = unit.find('%'); at != unit.npos) {
    unit.replace(at, 1, tokenizer.id_to_token(tokenizer.vocab_size() - 1));
  }
  return repeated(unit, bytes / unit.size());
}

void check_linear(const Tokenizer& tokenizer, const std::string& unit) {
  constexpr size_t kBytes = size_t{64} << 10;
  std::vector<int64_t> ids;
  // A vocabulary without an unknown token may refuse.
  const auto encode = [&](std::string_view text) {
    ids.clear();
    try {
      tokenizer.encode_ids(text, {}, ids);
    } catch (const Error&) {
    }
  };
  CHECK(
      linear_time(encode, hostile(tokenizer, unit, kBytes), hostile(tokenizer, unit, 2 * kBytes)));
}

/// Everything that is done with a vocabulary.
void use(const std::string& json) {
  const Tokenizer tokenizer = AutoTokenizer::from_json(json, "tokenizer.json");
  for (const std::string& unit : hostile_units()) {
    const std::string text = hostile(tokenizer, unit, 50'000);
    for (const EncodeOptions& options :
         {EncodeOptions{}, EncodeOptions{.want_offsets = true}, EncodeOptions{.want_tokens = true},
          EncodeOptions{.split_special_tokens = true}}) {
      try {
        const Encoding e = tokenizer.encode(text, options);
        if (options.want_tokens) continue;
        tokenizer.decode(e.ids, {.skip_special_tokens = options.want_offsets});
        TextStream stream(tokenizer);
        for (size_t i = 0; i < std::min<size_t>(e.ids.size(), 1000); ++i) stream.push(e.ids[i]);
        stream.finish();
      } catch (const Error&) {
        // No token for what is unknown.
      }
    }
  }
}

}  // namespace

TEST_CASE("every vocabulary: time is linear in the text, whatever it repeats" * NeedsRegex()) {
  for (const std::string& folder : tokenizer_folders()) {
    CAPTURE(folder);
    const Tokenizer tokenizer = load(folder);
    for (const std::string& unit : hostile_units()) {
      CAPTURE(unit);
      check_linear(tokenizer, unit);
    }
  }
}

TEST_CASE("every vocabulary: it is read, encodes and decodes anything on 128 KiB of stack" *
          NeedsRegex()) {
  for (const std::string& folder : tokenizer_folders()) {
    CAPTURE(folder);
    const std::string json = read_maybe_xz(folder + "/tokenizer.json");
    with_stack(kInstrumented ? 8 * kSmallStack : kSmallStack, [&] { use(json); });
  }
}

TEST_CASE("10 MB of anything are encoded on 128 KiB of stack") {
  const Tokenizer bert = load(TERN_TEST_DATA "/tokenizers/bert-base-uncased");
  size_t tokens = 0;
  with_stack(kInstrumented ? 8 * kSmallStack : kSmallStack, [&] {
    for (const std::string& unit : hostile_units()) {
      std::vector<int64_t> ids;
      bert.encode_ids(hostile(bert, unit, 10'000'000), {}, ids);
      tokens += ids.size();
    }
  });
  CHECK(tokens > 1000000);
}

TEST_CASE("templates of published models are rendered, to text and tokens, on 128 KiB of stack") {
  const Tokenizer tokenizer = AutoTokenizer::from_pretrained(TERN_TEST_DATA "/tokenizers/chat");
  int rendered = 0;
  for (const std::string& line : lines(read_maybe_xz(TERN_TEST_DATA "/templates/chats.jsonl"))) {
    const hub::Json json = hub::Json::parse(line, "case");
    if (!json.contains("out")) continue;
    const std::string name(json["template"].string().value());
    if (name == "deep.jinja") continue;  // it is there for what a stack of 1 MiB has room for
    CAPTURE(name);
    ChatOptions options;
    options.chat_template = read_maybe_xz(TERN_TEST_DATA "/templates/" + name);
    options.tools = json["request"]["tools"];
    with_stack(kInstrumented ? 8 * kSmallStack : kSmallStack, [&] {
      try {
        tokenizer.apply_chat_template(json["request"]["messages"], options);
        ++rendered;
      } catch (const Error&) {
        // Refused by the template: it is not given all that was recorded.
      }
    });
  }
  CHECK(rendered > 100);
}
