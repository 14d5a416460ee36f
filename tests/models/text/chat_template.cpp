// SPDX-License-Identifier: Apache-2.0
// Which template is taken, and what it is given.
#include "../../../models/text/chat_template.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../../../engine/base/storage.h"
#include "cases.h"

using namespace tern;
using namespace tern::test;
using hub::Json;
using hub::Repo;

namespace {

Repo repo_of(const std::map<std::string, std::string>& files) {
  std::map<std::string, StorageRef> stored;
  for (const auto& [name, text] : files) {
    StorageRef bytes = heap_storage(text.size());
    std::copy(text.begin(), text.end(), reinterpret_cast<char*>(bytes->data()));
    stored[name] = std::move(bytes);
  }
  return Repo::from_memory(std::move(stored));
}

const Json kHello = Json::parse(R"([{"role":"user","content":"Hi"}])", "test");

std::string message_of(const ChatTemplate& chat, const ChatOptions& options = {}) {
  try {
    return chat.render(kHello, options).text;
  } catch (const Error& e) {
    return e.what();
  }
}

}  // namespace

TEST_CASE(
    "chat template: chat_template.jinja wins over tokenizer_config.json, and that over "
    "chat_template.json") {
  std::map<std::string, std::string> files = {{"chat_template.json", R"({"chat_template":"old"})"}};
  CHECK(message_of(ChatTemplate::from_repo(repo_of(files))) == "old");
  files["tokenizer_config.json"] =
      R"({"chat_template":"config {{ bos_token }}","bos_token":{"content":"<b>"}})";
  CHECK(message_of(ChatTemplate::from_repo(repo_of(files))) == "config <b>");
  files["chat_template.jinja"] = "file{{ bos_token }}\n";
  CHECK(message_of(ChatTemplate::from_repo(repo_of(files))) == "file<b>");
}

TEST_CASE(
    "chat template: tools pick tool_use, a name picks its template, a text is taken as it is") {
  const auto chat = ChatTemplate::from_repo(
      repo_of({{"chat_template.jinja", "plain"},
               {"additional_chat_templates/tool_use.jinja", "tools {{ tools|length }}"},
               {"additional_chat_templates/rag.jinja", "rag {{ documents|length }}"}}));
  CHECK(chat.names() == std::vector<std::string>{"default", "rag", "tool_use"});
  CHECK(message_of(chat) == "plain");
  CHECK(message_of(chat, {.tools = Json::array({})}) == "tools 0");
  CHECK(message_of(chat, {.documents = Json::array({Json::object({})}), .chat_template = "rag"}) ==
        "rag 1");
  CHECK(message_of(chat, {.chat_template = "own {{ messages[0].content }}"}) == "own Hi");
  const auto listed = ChatTemplate::from_repo(repo_of(
      {{"tokenizer_config.json",
        R"({"chat_template":[{"name":"a","template":"A"},{"name":"b","template":"B"}]})"}}));
  CHECK(message_of(listed, {.chat_template = "b"}) == "B");
  CHECK(message_of(listed).find("Available template names are a, b") != std::string::npos);
}

TEST_CASE("chat template: a repository without one says so, unless a text is given") {
  const auto chat = ChatTemplate::from_repo(repo_of({{"tokenizer_config.json", "{}"}}));
  CHECK(chat.empty());
  CHECK_THROWS_WITH(chat.render(kHello), doctest::Contains("no chat template"));
  CHECK(message_of(chat, {.chat_template = "{{ messages|length }}"}) == "1");
  CHECK(ChatTemplate().empty());
}

TEST_CASE("chat template: further variables hide special tokens, and cannot hide the messages") {
  const auto chat =
      ChatTemplate::from_text("{{ bos_token }}{{ x|tojson }}", {{"bos_token", "<s>"}});
  CHECK(message_of(chat, {.kwargs = Json::parse(R"({"x":[1]})", "")}) == "<s>[1]");
  CHECK(message_of(chat, {.kwargs = Json::parse(R"({"x":0,"bos_token":"B"})", "")}) == "B0");
  CHECK(message_of(chat, {.kwargs = Json::parse(R"({"messages":[]})", "")}).find("'messages'") !=
        std::string::npos);
}

TEST_CASE(
    "chat template: special tokens come from the files, then from the tokenizer's class, unless "
    "null forbids") {
  const auto tokens = [](const std::map<std::string, std::string>& files) {
    std::string out;
    const ChatTemplate chat = ChatTemplate::from_repo(repo_of(files));
    for (const auto& [name, token] : chat.special_tokens()) {
      out += name + "=" + token + " ";
    }
    return out;
  };
  CHECK(tokens({{"tokenizer_config.json",
                 R"({"tokenizer_class":"LlamaTokenizerFast","bos_token":"B"})"}}) ==
        "bos_token=B eos_token=</s> unk_token=<unk> ");
  CHECK(tokens({{"tokenizer_config.json",
                 R"({"tokenizer_class":"Qwen2Tokenizer","unk_token":null})"}}) ==
        "eos_token=<|endoftext|> pad_token=<|endoftext|> ");
  CHECK(
      tokens(
          {{"tokenizer_config.json",
            R"({"extra_special_tokens":{"boi_token":"<i>"},"additional_special_tokens":["<x>"]})"},
           {"special_tokens_map.json", R"({"eos_token":{"content":"E"}})"}}) ==
      "eos_token=E boi_token=<i> ");
  // A model type names the class too, and one whose repositories name the wrong class is not asked.
  CHECK(tokens({{"config.json", R"({"model_type":"gemma"})"}}) ==
        "bos_token=<bos> eos_token=<eos> unk_token=<unk> pad_token=<pad> mask_token=<mask> ");
  CHECK(tokens({{"tokenizer_config.json", R"({"tokenizer_class":"LlamaTokenizer"})"},
                {"config.json", R"({"model_type":"mistral"})"}}) == "");
  CHECK(tokens({{"tokenizer_config.json", R"({"tokenizer_class":"GPTNeoXTokenizer"})"}}) ==
        "bos_token=<|endoftext|> eos_token=<|endoftext|> unk_token=<|endoftext|> "
        "pad_token=<|padding|> ");
  // special_tokens_map.json counts more than tokenizer_config.json, or with added_tokens_decoder
  // nothing.
  const char* map = R"({"eos_token":"E","x_token":"X","extra_special_tokens":{"eoi_token":"<e>"}})";
  CHECK(tokens({{"tokenizer_config.json", R"({"eos_token":"</s>","image_token":"<img>"})"},
                {"special_tokens_map.json", map}}) ==
        "eos_token=E x_token=X image_token=<img> eoi_token=<e> ");
  CHECK(tokens({{"tokenizer_config.json", R"({"eos_token":"</s>","added_tokens_decoder":{}})"},
                {"special_tokens_map.json", map}}) == "eos_token=</s> ");
  CHECK(tokens({{"tokenizer_config.json",
                 R"({"tokenizer_class":"CodeLlamaTokenizer","prefix_token":"P"})"}}) ==
        "bos_token=<s> eos_token=</s> unk_token=<unk> prefix_token=P middle_token=▁<MID> "
        "suffix_token=▁<SUF> eot_token=▁<EOT> fill_token=<FILL_ME> ");
  CHECK(tokens({{"tokenizer_config.json",
                 R"({"tokenizer_class":"LlamaTokenizer","bos_token":""})"}}) ==
        "bos_token= eos_token=</s> unk_token=<unk> ");
}

TEST_CASE("chat template: a bad template is an Error when it is used, and no other") {
  const auto chat = ChatTemplate::from_repo(repo_of(
      {{"chat_template.jinja", "fine"}, {"additional_chat_templates/bad.jinja", "\n{% if"}}));
  CHECK(message_of(chat) == "fine");
  CHECK(message_of(chat, {.chat_template = "bad"}).find("line 2") != std::string::npos);
}

TEST_CASE("chat template: messages and variables of many members take time as they are long") {
  constexpr int kMany = 60000;
  std::string message = R"({"role":"user","content":"no","content":"hi")", variables = "{";
  for (int i = 0; i < kMany; ++i) {
    message += cat(",\"member", i, "\":1");
    variables += cat("\"v", i, "\":0,");
  }
  const Json messages = Json::parse(cat("[", message, "}]"), "messages");
  const Json kwargs = Json::parse(cat(variables, R"("v7":7})"), "kwargs");
  const ChatTemplate chat = ChatTemplate::from_text("{{ messages[0].content }}{{ v7 }}{{ v8 }}");
  const double begin = cpu_seconds();
  CHECK(chat.render(messages, {.kwargs = kwargs}).text == "hi70");
  if (!kInstrumented) CHECK(cpu_seconds() - begin < 2);
}

TEST_CASE("chat template: messages that are none are refused") {
  const auto chat = ChatTemplate::from_text("x");
  for (const char* bad : {"[]", "{}", "1", "[1]", "[[]]", "null"}) {
    CHECK_THROWS_AS(chat.render(Json::parse(bad, "test")), Error);
  }
  CHECK_THROWS_WITH(
      chat.render(kHello, {.add_generation_prompt = true, .continue_final_message = true}),
      doctest::Contains("not compatible"));
}

TEST_CASE("chat template: tokenizer_config.json's chat_template of another kind is corrupt") {
  for (const char* bad : {R"({"chat_template":[1]})", R"({"chat_template":[{"name":"a"}]})",
                          R"({"chat_template":{"a":1}})"}) {
    CHECK_THROWS_AS(ChatTemplate::from_repo(repo_of({{"tokenizer_config.json", bad}})), Error);
  }
}
