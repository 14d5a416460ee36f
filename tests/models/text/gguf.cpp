// SPDX-License-Identifier: Apache-2.0
// Tokenizers and chat templates from GGUF metadata, against what Transformers makes of the same
// files (make_gguf.py), and hostile ones.
#include <doctest/doctest.h>

#include <random>

#include "../../../engine/base/error.h"
#include "../../../models/text/base64.h"
#include "../../../models/text/chat_template.h"
#include "../../hub/formats/gguf_bytes.h"
#include "../../hub/temporary_folder.h"
#include "../../needs.h"
#include "cases.h"

using namespace tern;
using namespace tern::test;
using hub::Json;

namespace {

hub::Repo repo_of(std::string_view gguf) {
  const StorageRef storage = heap_storage(gguf.size());
  gguf.copy(reinterpret_cast<char*>(storage->data()), gguf.size());
  return hub::Repo::from_memory({{"model.gguf", storage}}, "test");
}

Tokenizer tokenizer_of(std::string_view gguf) {
  return AutoTokenizer::from_repo(repo_of(gguf), "model.gguf");
}

std::vector<int64_t> integers(const Json& json) {
  std::vector<int64_t> out;
  for (const Json& value : json.elements()) out.push_back(value.integer().value());
  return out;
}

void check_case(const Tokenizer& t, const Json& expected) {
  const std::string text(*expected["text"].string());
  CAPTURE(text);
  const auto pair = expected["pair"].string();
  const auto ids = [&](bool special) {
    const EncodeOptions options{.add_special_tokens = special};
    return pair ? t.encode(text, *pair, options).ids : t.encode(text, options).ids;
  };
  CHECK(ids(true) == integers(expected["ids"]));
  CHECK(ids(false) == integers(expected["plain"]));
  CHECK(t.decode(ids(true)) == *expected["decoded"].string());
  CHECK(t.decode(ids(true), {.skip_special_tokens = true}) == *expected["decoded_plain"].string());
}

std::string words(const std::vector<std::string>& all) {
  std::string elements;
  for (const std::string& word : all) elements += gguf_string(word);
  return array_value(8, all.size(), elements);
}

std::string types(const std::vector<uint32_t>& all) {
  std::string elements;
  for (const uint32_t type : all) elements += u32(type);
  return array_value(5, all.size(), elements);
}

/// A byte-level vocabulary of few tokens, and further entries.
std::string small_file(std::vector<std::string> more = {}) {
  GgufBytes file;
  file.entries = {
      entry("general.architecture", 8, gguf_string("llama")),
      entry("tokenizer.ggml.model", 8, gguf_string("gpt2")),
      entry("tokenizer.ggml.tokens", 9, words({"a", "b", "ab", "<s>", "\xEF\xBD\x9C", "  "})),
      entry("tokenizer.ggml.token_type", 9, types({1, 1, 1, 3, 3, 4})),
      entry("tokenizer.ggml.merges", 9, words({"a b"})),
  };
  for (std::string& entry : more) file.entries.push_back(std::move(entry));
  return file.made();
}

std::string message_of(const std::string& file) {
  try {
    tokenizer_of(file);
  } catch (const Error& error) {
    return std::string(to_string(error.code())) + ": " + error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("tokenizers of GGUF files give the ids and texts of Transformers" * NeedsRegex()) {
  const auto all = lines(read_maybe_xz(TERN_TEST_DATA "/tokenizers/gguf.jsonl"));
  CHECK(all.size() > 20);
  for (const std::string& line : all) {
    const Json expected = Json::parse(line, "line");
    CAPTURE(std::string(*expected["title"].string()));
    const std::string file = text::decode_base64(*expected["gguf"].string(), "gguf");
    const Tokenizer t = tokenizer_of(file);
    CHECK(expected["cases"].elements().size() > 20);
    for (const Json& one : expected["cases"].elements()) check_case(t, one);
    std::map<std::string, std::string> specials, found;
    for (const auto& [name, text] : expected["specials"].members())
      specials[std::string(name)] = *text.string();
    const ChatTemplate chat = ChatTemplate::from_repo(repo_of(file), "model.gguf");
    for (const auto& [name, text] : chat.special_tokens()) {
      found[name] = text;
    }
    CHECK(found == specials);
    if (t.pad_id() < 0) continue;
    const auto batch = t({"a", "a b c d e f"}, {.padding = true});
    CHECK((batch["attention_mask"].data<int64_t>()[0] == 0) == *expected["left"].boolean());
  }
}

TEST_CASE("a GGUF file is opened by its path, by its folder and name, and from memory") {
  const TemporaryFolder folder;
  const std::string file = small_file();
  folder.write("tiny.gguf", file);
  const std::vector<int64_t> expected = {2, 3, 0};
  CHECK(AutoTokenizer::from_pretrained((folder / "tiny.gguf").string()).encode("ab<s>a").ids ==
        expected);
  const std::string path = folder.string();
  CHECK(AutoTokenizer::from_pretrained(path, {.gguf_file = "tiny.gguf"}).encode("ab<s>a").ids ==
        expected);
  CHECK(tokenizer_of(file).encode("ab<s>a").ids == expected);
  CHECK_THROWS_AS(AutoTokenizer::from_pretrained(path, {.gguf_file = "none.gguf"}), Error);
  CHECK_THROWS_AS(AutoTokenizer::from_pretrained(path, {.gguf_file = "../tiny.gguf"}), Error);
}

TEST_CASE("marked tokens of no bytes are matched whole with the file's ids, blanks are not") {
  const Tokenizer t = tokenizer_of(small_file({entry("tokenizer.ggml.bos_token_id", 4, u32(4)),
                                               entry("tokenizer.ggml.add_bos_token", 7, "\1")}));
  CHECK(t.encode("a\xEF\xBD\x9C"
                 "b")
            .ids == std::vector<int64_t>{4, 0, 4, 1});
  CHECK(t.encode("a  b", {.add_special_tokens = false}).ids == std::vector<int64_t>{0, 1});
  CHECK(t.decode(std::vector<int64_t>{4, 2}) ==
        "\xEF\xBD\x9C"
        "ab");
}

TEST_CASE("of merges with equal scores the one with the longer left, then right part is first") {
  const auto ids = [](const std::string& architecture, const std::vector<std::string>& tokens,
                      std::string_view text) {
    const std::string scores = array_value(6, tokens.size(), std::string(4 * tokens.size(), '\0'));
    const GgufBytes file{.entries = {entry("general.architecture", 8, gguf_string(architecture)),
                                     entry("tokenizer.ggml.model", 8, gguf_string("llama")),
                                     entry("tokenizer.ggml.tokens", 9, words(tokens)),
                                     entry("tokenizer.ggml.scores", 9, scores)}};
    return tokenizer_of(file.made()).encode(text, {.add_special_tokens = false}).ids;
  };
  CHECK(ids("phi3", {"a", "b", "c", "d", "ab", "cd", "abc"}, "abcd") == std::vector<int64_t>{6, 3});
  CHECK(ids("phi3", {"a", "b", "c", "d", "cd", "ab", "bcd"}, "abcd") == std::vector<int64_t>{0, 6});
  // Gemma has an unknown token, Llama none.
  const std::vector<std::string> few = {"<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "a"};
  CHECK(ids("gemma", few, "az") == std::vector<int64_t>{5, 3});
  CHECK(ids("llama", few, "az") == std::vector<int64_t>{5});
}

TEST_CASE("T5's charsmap is not looked at, and a blank that is marked control stays a byte") {
  const GgufBytes t5{
      .entries = {entry("general.architecture", 8, gguf_string("t5")),
                  entry("tokenizer.ggml.model", 8, gguf_string("t5")),
                  entry("tokenizer.ggml.tokens", 9,
                        words({"<pad>", "</s>", "<unk>",
                               "\xE2\x96\x81"
                               "a"})),
                  entry("tokenizer.ggml.scores", 9, array_value(6, 4, std::string(16, '\0'))),
                  entry("tokenizer.ggml.eos_token_id", 4, u32(1)),
                  entry("tokenizer.ggml.precompiled_charsmap", 9, array_value(0, 3, "abc"))}};
  CHECK(tokenizer_of(t5.made()).encode("a").ids == std::vector<int64_t>{3, 1});
  const GgufBytes blank{.entries = {entry("tokenizer.ggml.model", 8, gguf_string("gpt2")),
                                    entry("tokenizer.ggml.tokens", 9, words({"a", "b", " "})),
                                    entry("tokenizer.ggml.token_type", 9, types({1, 1, 3})),
                                    entry("tokenizer.ggml.merges", 9, words({}))}};
  const Tokenizer t = tokenizer_of(blank.made());
  CHECK(t.decode(t.encode("a b").ids, {.skip_special_tokens = true}) == "a b");
}

TEST_CASE("chat templates come from the metadata, also several by name") {
  const std::string file = small_file(
      {entry("tokenizer.chat_template", 8, gguf_string("{{ bos_token }}{{ messages[0].content }}")),
       entry("tokenizer.chat_template.tool_use", 8, gguf_string("tools")),
       entry("tokenizer.chat_templates", 9, words({"tool_use"})),
       entry("tokenizer.ggml.bos_token_id", 4, u32(3))});
  const ChatTemplate chat = ChatTemplate::from_repo(repo_of(file), "model.gguf");
  CHECK(chat.names() == std::vector<std::string>{"default", "tool_use"});
  const Json messages = Json::parse(R"([{"role":"user","content":"hi"}])", "messages");
  CHECK(chat.render(messages).text == "<s>hi");
  CHECK(chat.render(messages, {.chat_template = "tool_use"}).text == "tools");
  CHECK(tokenizer_of(file).chat_template().render(messages).text == "<s>hi");
  CHECK(ChatTemplate::from_repo(repo_of(small_file()), "model.gguf").empty());
  const TemporaryFolder folder;
  folder.write("m.gguf", file);
  CHECK(ChatTemplate::from_pretrained((folder / "m.gguf").string()).render(messages).text ==
        "<s>hi");
}

TEST_CASE("metadata that make no tokenizer are an Error that names the key") {
  const auto with = [](std::string_view key, uint32_t type, const std::string& value) {
    GgufBytes file;
    for (const auto& [name, kind, bytes] :
         std::vector<std::tuple<std::string, uint32_t, std::string>>{
             {"tokenizer.ggml.model", 8, gguf_string("llama")},
             {"tokenizer.ggml.tokens", 9, words({"<unk>", "a", "b"})},
             {"tokenizer.ggml.scores", 9, array_value(6, 3, std::string(12, '\0'))}}) {
      if (name != key) file.entries.push_back(entry(name, kind, bytes));
    }
    file.entries.push_back(entry(key, type, value));
    return message_of(file.made());
  };
  const auto found = [](const std::string& message, std::string_view part) {
    CAPTURE(message);
    CAPTURE(part);
    CHECK(message.find(part) != message.npos);
  };
  CHECK(with("unrelated", 0, "x") == "none");
  found(message_of(GgufBytes{}.made()), "not_found: model.gguf: the file has no tokenizer");
  found(with("tokenizer.ggml.model", 8, gguf_string("rwkv")),
        "unsupported: model.gguf: tokenizer.ggml.model is \"rwkv\"");
  found(with("tokenizer.ggml.model", 4, u32(1)), "'tokenizer.ggml.model' must be a string");
  found(with("tokenizer.ggml.tokens", 8, gguf_string("a")), "must be an array of strings");
  found(with("tokenizer.ggml.tokens", 9, words({})), "lists no tokens");
  found(with("tokenizer.ggml.tokens", 9, words({"a", "\xFF", "b"})), "no valid UTF-8: 1");
  found(with("tokenizer.ggml.scores", 9, array_value(6, 2, std::string(8, '\0'))),
        "an array of 3 numbers");
  found(with("tokenizer.ggml.scores", 9, array_value(6, 3, std::string(8, '\0') + u32(0x7FC00000))),
        "is NaN at 2");
  found(with("tokenizer.ggml.scores", 9, words({"a", "b", "c"})), "an array of 3 numbers");
  found(with("tokenizer.ggml.token_type", 9, array_value(6, 3, std::string(12, '\0'))),
        "an array of 3 integers");
  found(with("tokenizer.ggml.token_type", 9, types({1, 1})), "an array of 3 integers");
  found(with("tokenizer.ggml.merges", 9, words({"ab"})), "which is not two tokens and a blank");
  found(with("tokenizer.ggml.merges", 9, words({"a b c"})), "which is not two tokens and a blank");
  found(with("tokenizer.ggml.merges", 9, words({"a x"})), "corrupt: BPE: merge 0");
  found(with("tokenizer.ggml.bos_token_id", 4, u32(3)),
        "must be the id of one of the 3 tokens, found 3");
  found(with("tokenizer.ggml.eos_token_id", 5, u32(0xFFFFFFFF)), "found -1");
  found(with("tokenizer.ggml.padding_token_id", 8, gguf_string("1")),
        "'tokenizer.ggml.padding_token_id' must be");
  found(with("tokenizer.ggml.add_bos_token", 4, u32(1)), "must be a boolean");
  found(with("general.architecture", 8, gguf_string("\xFF")),
        "'general.architecture' is no valid UTF-8");
}

TEST_CASE("a tokenizer made from a corrupted GGUF file is an Error or one that runs") {
  constexpr unsigned kSeed = 99;
  CAPTURE(kSeed);
  std::mt19937 random(kSeed);
  const std::string whole =
      small_file({entry("tokenizer.ggml.bos_token_id", 4, u32(3)),
                  entry("tokenizer.ggml.scores", 9, array_value(6, 6, std::string(24, '\0'))),
                  entry("tokenizer.ggml.pre", 8, gguf_string("default"))});
  const std::string kinds[] = {"gpt2", "llama", "bert", "t5"};
  int made = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string file = whole;
    const size_t model = file.find("gpt2");
    const std::string& kind = kinds[random() % 4];
    file = file.substr(0, model - 8) + gguf_string(kind) + file.substr(model + 4);
    for (size_t i = random() % 3; i > 0; --i) {
      char& c = file[24 + random() % (file.size() - 24)];
      const unsigned flipped = static_cast<unsigned char>(c) ^ (1u << random() % 8);
      c = static_cast<char>(random() % 2 ? static_cast<unsigned>(random()) : flipped);
    }
    try {
      const Tokenizer t = tokenizer_of(file);
      t.decode(t.encode("ab <s> \xEF\xBD\x9C  [CLS] c", "b", {.want_tokens = true}).ids);
      ++made;
    } catch (const Error&) {
    }
  }
  CHECK(made > 1000);
}
