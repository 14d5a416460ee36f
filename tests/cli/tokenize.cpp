// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "../../hub/formats/json.h"
#include "../hub/formats/gguf_bytes.h"
#include "program.h"

using namespace tern::test;
using ::tern::hub::Json;

namespace {

std::string bert() {
  for (const char* root : {TERN_TEST_DATA, TERN_SHARED_DATA}) {
    const std::string path = std::string(root) + "/tokenizers/bert-base-uncased";
    if (exists(path + "/tokenizer.json") || exists(path + "/vocab.txt")) return path;
  }
  MESSAGE("skipped: no tokenizer bert-base-uncased");
  return {};
}

}  // namespace

TEST_CASE("tokenize gives a line of ids per line and back") {
  if (bert().empty()) return;
  const Outcome ids = run_tern({"tokenize", "--tokenizer", bert()}, {.input = "It rained.\n\n"});
  CHECK(ids.exit_code == 0);
  CHECK(ids.out == "101 2009 28270 1012 102\n101 102\n");
  const Outcome plain =
      run_tern({"tokenize", "--tokenizer", bert(), "--no-special-tokens"}, {.input = "It rained."});
  CHECK(plain.out == "2009 28270 1012\n");
  const Outcome text =
      run_tern({"tokenize", "--tokenizer", bert(), "--decode", "--no-special-tokens"},
               {.input = "101 2009, 28270 1012 102\n"});
  CHECK(text.out == "it rained.\n");
  const Outcome bad = run_tern({"tokenize", "--tokenizer", bert(), "--decode"}, {.input = "1 x\n"});
  CHECK(bad.exit_code == 2);
}

TEST_CASE("tokenize --jsonl answers every request in order and goes on after a bad one") {
  if (bert().empty()) return;
  const Outcome outcome = run_tern({"tokenize", "--tokenizer", bert(), "--jsonl", "--decode"},
                                   {.input = "{\"text\":\"It rained.\"}\nnonsense\n"
                                             "{\"text\":\"a\",\"pair\":\"b\"}\n"});
  CHECK(outcome.exit_code == 0);
  const auto lines = lines_of(outcome.out);
  REQUIRE(lines.size() == 3);
  const Json first = Json::parse(lines[0], "answer");
  CHECK(first["input_ids"].dump() == "[101,2009,28270,1012,102]");
  CHECK(first["offsets"].elements().size() == 5);
  CHECK(first["decoded"].string() == "it rained.");
  CHECK(Json::parse(lines[1], "answer").contains("error"));
  CHECK(Json::parse(lines[2], "answer")["token_type_ids"].dump() == "[0,0,0,1,1]");
}

TEST_CASE("tokenize reads a tokenizer.json by its path") {
  if (bert().empty() || !exists(bert() + "/tokenizer.json")) return;
  const Outcome outcome =
      run_tern({"tokenize", "--tokenizer", bert() + "/tokenizer.json"}, {.input = "It rained."});
  CHECK(outcome.out == "101 2009 28270 1012 102\n");
}

TEST_CASE("tokenize --bench prints one JSON line with the two rates") {
  if (bert().empty()) return;
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "In a hole in the ground there lived a hobbit.\n";
  const Outcome outcome =
      run_tern({"tokenize", "--tokenizer", bert(), "--bench", folder.write("t", text)});
  REQUIRE(outcome.exit_code == 0);
  const Json json = Json::parse(outcome.out, "bench");
  CHECK(json["mb_per_s"].number().value_or(0) > 0);
  CHECK(json["tokens_per_s"].number().value_or(0) > 0);
  CHECK(json["tokens"].integer() == 15000);
}

TEST_CASE("tokenize names a tokenizer that does not exist") {
  const TemporaryFolder folder;
  const Outcome outcome = run_tern({"tokenize", "--tokenizer", folder / "none"}, {.input = "a\n"});
  CHECK(outcome.exit_code == 3);
  CHECK(outcome.out.empty());
}

TEST_CASE("tokenize and chat-template read a GGUF file by its path") {
  GgufBytes file;
  file.entries = {
      entry("tokenizer.ggml.model", 8, gguf_string("gpt2")),
      entry(
          "tokenizer.ggml.tokens", 9,
          array_value(
              8, 4, gguf_string("a") + gguf_string("b") + gguf_string("ab") + gguf_string("<s>"))),
      entry("tokenizer.ggml.token_type", 9, array_value(5, 4, u32(1) + u32(1) + u32(1) + u32(3))),
      entry("tokenizer.ggml.merges", 9, array_value(8, 1, gguf_string("a b"))),
      entry("tokenizer.chat_template", 8, gguf_string("{{ messages[0].content }}")),
  };
  const TemporaryFolder folder;
  const std::string path = folder.write("model.gguf", file.made());
  const Outcome ids = run_tern({"tokenize", "--tokenizer", path}, {.input = "ab<s>a\n"});
  CHECK(ids.out == "2 3 0\n");
  const Outcome chat =
      run_tern({"chat-template", path}, {.input = R"([{"role":"user","content":"Hello"}])"});
  CHECK(chat.out == "Hello");
  const std::string cut = folder.write("cut.gguf", file.made().substr(0, 200));
  const Outcome bad = run_tern({"tokenize", "--tokenizer", cut}, {.input = "a\n"});
  CHECK(bad.exit_code == 4);
  CHECK(bad.err.find("cut.gguf: ") != std::string::npos);
}
