// SPDX-License-Identifier: Apache-2.0
// Conversations to tokens against what Transformers returned (make_apply_chat.py).
#include <doctest/doctest.h>

#include <map>

#include "../../../engine/base/error.h"
#include "../../../models/text/chat_template.h"
#include "cases.h"
#include "recorded_options.h"

using namespace tern;
using namespace tern::test;
using hub::Json;

namespace {

constexpr const char* kFolder = TERN_TEST_DATA "/tokenizers/chat";

/// A repository of the tests' data, or of the shared ones; nullopt when there is none.
std::optional<Tokenizer> open(const std::string& name) {
  const std::string folder = name == "chat" ? kFolder : TERN_SHARED_DATA "/tokenizers/" + name;
  std::map<std::string, std::string> files;
  for (const char* file : {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja"}) {
    if (std::string text = read_maybe_xz(folder + "/" + file); !text.empty()) {
      files[file] = std::move(text);
    }
  }
  if (!files.contains("tokenizer.json")) return std::nullopt;
  return from_files(files);
}

ChatOptions chat_options(const Json& line) {
  const Json& a = line["arguments"];
  ChatOptions o;
  o.tools = a["tools"];
  o.documents = a["documents"];
  o.add_generation_prompt = a["add_generation_prompt"].boolean().value_or(false);
  const Json& go_on = a["continue_final_message"];
  o.continue_final_message = go_on.boolean().value_or(go_on.is_string());
  if (const auto field = go_on.string()) o.continue_field = *field;
  if (const auto file = line["template"].string()) {
    o.chat_template = read_maybe_xz(TERN_TEST_DATA "/templates/" + std::string(*file));
  }
  o.kwargs = a["kwargs"];
  o.padding = a["padding"].boolean().value_or(false);
  o.padding_strategy = read_padding_strategy(a["padding"]);
  o.truncation = a["truncation"].boolean().value_or(false);
  o.max_length = a["max_length"].integer().value_or(0);
  o.return_assistant_tokens_mask = a["return_assistant_tokens_mask"].boolean().value_or(false);
  o.tokenizer_kwargs = read_options(a["tokenizer_kwargs"]);
  return o;
}

/// In the order of names.
Json all_nested(const BatchEncoding& found) {
  std::map<std::string, Json> out;
  for (const auto& [name, tensor] : found.entries()) out[name] = nested(tensor);
  return Json::object({out.begin(), out.end()});
}

void check(const Tokenizer& tokenizer, const Json& line) {
  const ChatOptions options = chat_options(line);
  if (line.contains("error")) {
    CHECK_THROWS_AS(tokenizer.apply_chat_template(line["messages"], options), Error);
    return;
  }
  const Json found = all_nested(tokenizer.apply_chat_template(line["messages"], options));
  if (const auto expected = line["hash"].string()) {
    CAPTURE(found.dump());
    CHECK(fnv1a_hex(found.dump()) == *expected);
    return;
  }
  CHECK(found.members().size() == line["out"].members().size());
  for (const Json::Member& expected : line["out"].members()) {
    CAPTURE(expected.first);
    CHECK(found[expected.first].dump() == expected.second.dump());
  }
}

const Json kTalk = Json::parse(
    R"([{"role":"user","content":"Hi"},{"role":"assistant","content":"the thing"}])", "talk");

std::vector<int64_t> ids_of(const BatchEncoding& found) {
  const Tensor& ids = found["input_ids"];
  return {ids.data<int64_t>(), ids.data<int64_t>() + ids.shape().numel()};
}

}  // namespace

TEST_CASE("apply_chat_template: conversations become the tensors that Transformers returns") {
  const auto all = lines(read_maybe_xz(TERN_TEST_DATA "/tokenizers/apply_chat.jsonl"));
  CHECK(all.size() > 1000);
  std::map<std::string, std::optional<Tokenizer>> tokenizers;
  for (const std::string& text : all) {
    CAPTURE(text.substr(0, 600));
    const Json line = Json::parse(text, "case");
    const std::string name(line["tokenizer"].string().value());
    if (!tokenizers.contains(name)) tokenizers[name] = open(name);
    if (tokenizers[name]) check(*tokenizers[name], line);
  }
  REQUIRE(tokenizers["chat"]);
  for (const auto& [name, tokenizer] : tokenizers) {
    if (!tokenizer) MESSAGE(std::string(name) << " skipped: no shared data at " TERN_SHARED_DATA);
  }
}

TEST_CASE("apply_chat_template: special tokens are the template's, none are added a second time") {
  const Tokenizer tokenizer = AutoTokenizer::from_pretrained(kFolder);
  const std::string text = tokenizer.chat_template().render(kTalk).text;
  CHECK(text == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nthe thing<|im_end|>\n");
  const std::vector<int64_t> ids = ids_of(tokenizer.apply_chat_template(kTalk));
  CHECK(ids == ids_of(tokenizer(text, {.add_special_tokens = false})));
  CHECK(ids.size() + 2 == ids_of(tokenizer(text)).size());
  CHECK(ids == ids_of(tokenizer.apply_chat_template(
                   kTalk, {.tokenizer_kwargs = {.add_special_tokens = true}})));
}

TEST_CASE("apply_chat_template: a window of a cut text is marked by the spans of its own text") {
  const Tokenizer tokenizer = AutoTokenizer::from_pretrained(kFolder);
  const Json question = Json::parse(R"([{"role":"user","content":"Why?"}])", "question");
  const ChatOptions whole = {.padding = true, .return_assistant_tokens_mask = true};
  ChatOptions cut = whole;
  cut.truncation = true;
  cut.max_length = 6;
  cut.tokenizer_kwargs.return_overflowing_tokens = true;
  // Transformers would take the second text's spans for the first text's second window.
  const auto masks = [&](const Json& chat, const ChatOptions& options) {
    const BatchEncoding found = tokenizer.apply_chat_template(chat, options);
    std::vector<int64_t> out;
    const Tensor &mask = found["assistant_masks"], &real = found["attention_mask"];
    for (int64_t i = 0; i < mask.shape().numel(); ++i) {
      if (real.data<int64_t>()[i]) out.push_back(mask.data<int64_t>()[i]);
    }
    return out;
  };
  std::vector<int64_t> expected = masks(kTalk, whole);
  CHECK(std::count(expected.begin(), expected.end(), 1) == 5);
  for (const int64_t m : masks(question, whole)) expected.push_back(m);
  CHECK(masks(Json::array({kTalk, question}), cut) == expected);
}

TEST_CASE("apply_chat_template: what contradicts itself is refused and named") {
  const Tokenizer tokenizer = AutoTokenizer::from_pretrained(kFolder);
  const auto refusal = [&](const Json& messages, const ChatOptions& options) {
    try {
      tokenizer.apply_chat_template(messages, options);
    } catch (const Error& e) {
      CHECK(e.code() == ErrorCode::invalid_argument);
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK(refusal(kTalk, {.continue_final_message = true, .return_assistant_tokens_mask = true})
            .find("return_assistant_tokens_mask") != std::string::npos);
  CHECK(refusal(kTalk, {.tokenizer_kwargs = {.padding = true}}).find("tokenizer_kwargs") !=
        std::string::npos);
  CHECK(refusal(Json::array({kTalk, Json::object({})}), {}).find("array of messages") !=
        std::string::npos);
  CHECK(refusal(Json::array({}), {}).find("at least one message") != std::string::npos);
  CHECK_THROWS_AS(Tokenizer().apply_chat_template(kTalk), Error);
}

TEST_CASE("apply_chat_template: a tokenizer.json alone has no template, but takes a text") {
  const Tokenizer tokenizer =
      AutoTokenizer::from_json(read_maybe_xz(kFolder + std::string("/tokenizer.json")), "test");
  CHECK(tokenizer.chat_template().empty());
  CHECK_THROWS_WITH(tokenizer.apply_chat_template(kTalk), doctest::Contains("no chat template"));
  CHECK(ids_of(tokenizer.apply_chat_template(kTalk, {.chat_template = "<|im_start|>"})) ==
        std::vector<int64_t>{tokenizer.token_to_id("<|im_start|>")});
}
