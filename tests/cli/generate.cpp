// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "../../engine/base/format.h"
#include "../../hub/formats/json.h"
#include "../../hub/formats/safetensors.h"
#include "program.h"

using namespace tern::test;
using ::tern::cat;
using ::tern::DType;
using ::tern::hub::Json;
using ::tern::hub::SafetensorsFile;
using ::tern::hub::TensorEntry;

namespace {

std::vector<int64_t> ids(const SafetensorsFile& file, const std::string& name) {
  for (const TensorEntry& entry : file.header.tensors) {
    if (entry.name != name) continue;
    REQUIRE(entry.dtype == DType::i64);
    std::vector<int64_t> out((entry.end - entry.begin) / sizeof(int64_t));
    std::memcpy(out.data(), file.storage->data() + entry.begin, entry.end - entry.begin);
    return out;
  }
  FAIL("no tensor " << name);
  return {};
}

std::string list(const std::vector<int64_t>& values) {
  std::string out;
  for (const int64_t value : values) {
    if (!out.empty()) out += ',';
    out += std::to_string(value);
  }
  return out;
}

}  // namespace

TEST_CASE("generate writes the recorded sequences, and --ids prints the continuation") {
  const std::string model = golden("llama");
  if (model.empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  const SafetensorsFile file = ::tern::hub::open_safetensors(model + "/golden.safetensors");
  const TemporaryFolder folder;
  std::vector<std::vector<int64_t>> kept;
  std::vector<::tern::hub::TensorToWrite> inputs;
  std::vector<int64_t> shape;
  for (const char* name : {"input_ids", "attention_mask"}) {
    const std::string full = std::string("case/beam4/in/") + name;
    for (const TensorEntry& entry : file.header.tensors) {
      if (entry.name == full) shape = entry.shape;
    }
    kept.push_back(ids(file, full));
  }
  inputs.push_back({"input_ids", DType::i64, shape, std::as_bytes(std::span(kept[0]))});
  inputs.push_back({"attention_mask", DType::i64, shape, std::as_bytes(std::span(kept[1]))});
  const std::string in = folder / "in.safetensors", out = folder / "out.safetensors";
  ::tern::hub::write_safetensors(in, inputs);
  const Outcome beams = run_tern({"generate", model, "--inputs", in, "--outputs", out, "--set",
                                  "max_new_tokens=32", "--set", "num_beams=4"});
  CAPTURE(beams.err);
  REQUIRE(beams.exit_code == 0);
  CHECK(beams.out.empty());
  const SafetensorsFile found = ::tern::hub::open_safetensors(out);
  CHECK(ids(found, "sequences") == ids(file, "case/beam4/out/generated_beam4"));
  CHECK(found.header.tensors.size() == 2);  // and sequences_scores

  const std::vector<int64_t> greedy = ids(file, "case/greedy/out/generated_greedy");
  const std::vector<int64_t> prompts = ids(file, "case/greedy/in/input_ids");
  const std::vector<int64_t> mask = ids(file, "case/greedy/in/attention_mask");
  constexpr size_t kPrompt = 12, kWhole = 44;
  int compared = 0;
  for (size_t row = 0; row < greedy.size() / kWhole; ++row) {
    std::vector<int64_t> prompt;
    for (size_t i = row * kPrompt; i < (row + 1) * kPrompt; ++i) {
      if (mask[i] != 0) prompt.push_back(prompts[i]);
    }
    const auto first = greedy.begin() + static_cast<std::ptrdiff_t>(row * kWhole + kPrompt);
    const std::vector<int64_t> expected(first, first + (kWhole - kPrompt));
    const Outcome printed =
        run_tern({"generate", model, "--ids", list(prompt), "--set", "max_new_tokens=32"});
    CAPTURE(printed.err);
    REQUIRE(printed.exit_code == 0);
    // A row that ends early is padded in the recorded batch only.
    CHECK((list(expected) + "\n").starts_with(printed.out.substr(0, printed.out.size() - 1)));
    compared += printed.out.size() > 60 ? 1 : 0;
  }
  CHECK(compared >= 2);
}

TEST_CASE("generate knows an encoder-decoder by its config and prints what its decoder writes") {
  const std::string model = TERN_TEST_DATA "/seq2seq/t5";
  const SafetensorsFile file = ::tern::hub::open_safetensors(model + "/golden.safetensors");
  const std::vector<int64_t> recorded = ids(file, "case/left/out/generated");
  const std::vector<int64_t> source = ids(file, "case/left/in/input_ids");
  const std::vector<int64_t> second(source.begin() + 8, source.end());
  const std::vector<int64_t> written(recorded.begin() + 8, recorded.end());  // without the start
  const Outcome greedy = run_tern({"generate", model, "--ids", list(second), "--max-new-tokens",
                                   "6", "--set", "eos_token_id=1000"});
  CAPTURE(greedy.err);
  CHECK(greedy.out == list(written) + "\n");
  const Outcome beams = run_tern({"generate", model, "--ids", list(second), "--max-new-tokens", "6",
                                  "--set", "eos_token_id=1000", "--set", "num_beams=2"});
  CAPTURE(beams.err);
  CHECK(std::count(beams.out.begin(), beams.out.end(), ',') == 5);
}

TEST_CASE("generate answers a prompt or messages as text, and as JSON with ids and timings") {
  const std::string model = golden("llama");
  if (model.empty()) return;
  const TemporaryFolder folder;
  for (const char* name : {"config.json", "model.safetensors"}) {
    std::filesystem::copy(model + "/" + name, folder / name);
  }
  std::string vocabulary;
  for (int i = 0; i < 320; ++i) vocabulary += cat(i == 0 ? "" : ",", "\"w", i, "\":", i);
  folder.write(
      "tokenizer.json",
      R"({"pre_tokenizer":{"type":"WhitespaceSplit"},"model":{"type":"WordLevel","vocab":{)" +
          vocabulary + R"(},"unk_token":"w0"}})");
  folder.write("tokenizer_config.json",
               R"({"chat_template":"{% for m in messages %}{{ m.content }} {% endfor %}w9"})");
  const std::string chat = folder.write("chat.json", R"([{"role":"user","content":"w5"}])");
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"generate", folder / ""});
    arguments.insert(arguments.end(), {"--set", "eos_token_id=[]"});
    const Outcome outcome = run_tern(arguments);
    CAPTURE(outcome.err);
    CHECK(outcome.exit_code == 0);
    return outcome.out;
  };
  const std::string text = run({"--prompt", "w5 w9", "--max-new-tokens", "6"});
  const std::string ids = run({"--ids", "5,9", "--max-new-tokens", "6"});
  CHECK(std::count(ids.begin(), ids.end(), ',') == 5);
  std::string words = cat("w", ids);
  for (size_t at = 0; (at = words.find(',', at)) != std::string::npos; at += 2)
    words.replace(at, 1, " w");
  CHECK(text == words);
  CHECK(run({"--chat", chat, "--max-new-tokens", "6"}) == text);
  const Outcome from_input = run_tern(
      {"generate", folder / "", "--chat", "-", "--max-new-tokens", "6", "--set", "eos_token_id=[]"},
      {.input = R"([{"role":"user",
"content":"w5"}])"});
  CHECK(from_input.out == text);
  CHECK(run({"--prompt", "w5 w9", "--max-new-tokens", "6", "--set", "num_beams=1", "--greedy"}) ==
        text);
  const size_t second = text.find(' ') + 1;
  const std::string stop = text.substr(second, text.find(' ', second) - second);
  CHECK(run({"--prompt", "w5 w9", "--stop", stop}) == cat(text.substr(0, second), stop, "\n"));

  const Json json = Json::parse(run({"--prompt", "w5 w9", "--max-new-tokens", "6", "--json"}), "");
  CHECK(json["input_ids"].dump() == "[5,9]");
  CHECK(json["output_ids"].dump() == cat("[", ids.substr(0, ids.size() - 1), "]"));
  CHECK(std::string(*json["text"].string()) + "\n" == text);
  for (const char* rate : {"load", "prefill_tokens_per_second", "decode_tokens_per_second"}) {
    CAPTURE(std::string(rate));
    CHECK(json["timings"][rate].number().value_or(0) > 0);
  }
  // A conversation: each line is answered after all before it, and /clear forgets them.
  const std::string line = text.substr(0, text.size() - 1);
  const std::string second_answer =
      run({"--prompt", cat("w5 ", line, " w7 w9"), "--max-new-tokens", "6"});
  const std::vector<std::string> talk{"generate", folder / "", "--chat",         "--max-new-tokens",
                                      "6",        "--set",     "eos_token_id=[]"};
  const Outcome spoken = run_tern(talk, {.input = "w5\n\nw7\n/clear\nw5\n"});
  CAPTURE(spoken.err);
  CHECK(spoken.exit_code == 0);
  CHECK(spoken.out == text + second_answer + text);
  std::vector<std::string> sampled_twice = talk;
  sampled_twice.insert(sampled_twice.end(), {"--set", "num_return_sequences=2", "--top-k", "1"});
  CHECK(run_tern(sampled_twice, {.input = "w5\nw7\n"}).out == text + second_answer);
  const Outcome too_long = run_tern(talk, {.input = [] {
                                      std::string many;
                                      for (int i = 0; i < 200; ++i) many += "w5 ";
                                      return many + "\n";
                                    }()});
  CHECK(too_long.exit_code != 0);
  CHECK(too_long.err.find("/clear begins anew") != std::string::npos);
  // Guesses: the same ids in fewer steps, and how good they were.
  for (const std::vector<std::string>& guesses :
       {std::vector<std::string>{"--assistant-model", model},
        std::vector<std::string>{"--set", "prompt_lookup_num_tokens=4"}}) {
    std::vector<std::string> arguments{"--ids", "5,9,5,9", "--max-new-tokens", "30"};
    const std::string plain = run(arguments);
    arguments.insert(arguments.end(), guesses.begin(), guesses.end());
    CHECK(run(arguments) == plain);
    arguments.push_back("--json");
    const Json found = Json::parse(run(arguments), "");
    CHECK(cat(found["output_ids"].dump()) == cat("[", plain.substr(0, plain.size() - 1), "]"));
    CHECK(found["guesses"]["guessed"].integer().value_or(0) > 0);
    CHECK(found["guesses"]["right"].integer().value_or(-1) >= 0);
  }
  const std::string sampled = run({"--ids", "5,9", "--temperature", "5", "--seed", "3"});
  CHECK(sampled == run({"--ids", "5,9", "--temperature", "5", "--seed", "3"}));
  CHECK(sampled != run({"--ids", "5,9", "--temperature", "5", "--seed", "4"}));
  const std::string two = run({"--ids", "5,9", "--set", "num_beams=2", "--set",
                               "num_return_sequences=2", "--max-new-tokens", "4"});
  CHECK(std::count(two.begin(), two.end(), '\n') == 2);
}

TEST_CASE("generate answers with a text of a grammar's file, and with JSON of a schema's") {
  const std::string model = golden("llama");
  if (model.empty()) return;
  const TemporaryFolder folder;
  for (const char* name : {"config.json", "model.safetensors"}) {
    std::filesystem::copy(model + "/" + name, folder / name);
  }
  std::string vocabulary = "\"</s>\":319";
  for (int i = 0; i < 319; ++i) vocabulary += cat(",\"", i < 10 ? "" : "w", i, "\":", i);
  folder.write(
      "tokenizer.json",
      R"({"added_tokens":[{"id":319,"content":"</s>","special":true}],"decoder":{"type":"ByteLevel"},)"
      R"("model":{"type":"BPE","merges":[],"vocab":{)" +
          vocabulary + "}}}");
  const std::string schema =
      folder.write("schema.json", R"({"type":"integer","minimum":70,"maximum":79})");
  const std::string grammar = folder.write("answer.gbnf", "root ::= \"w42\" [5-7]{3}\n");
  const std::string bad = folder.write("bad.gbnf", "root = x\n");
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"generate", folder / ""});
    arguments.insert(arguments.end(), {"--set", "eos_token_id=319"});
    return run_tern(arguments);
  };
  const Outcome number = run({"--prompt", "12", "--json-schema", schema});
  CAPTURE(number.err);
  CHECK(number.out.size() == 3);
  CHECK((number.out >= "70" && number.out <= "79\n"));
  for (const std::vector<std::string>& more :
       {std::vector<std::string>{}, {"--set", "num_beams=3"}}) {
    std::vector<std::string> arguments = {"--prompt", "12", "--grammar", grammar};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome word = run(arguments);
    CAPTURE(word.err);
    CAPTURE(word.out);
    CHECK(word.out.size() == 7);
    CHECK(word.out.starts_with("w42"));
    CHECK(word.out.find_first_not_of("567", 3) == 6);
  }
  const Outcome by_ids = run({"--ids", "1,2", "--grammar", grammar});
  CHECK_MESSAGE(by_ids.out.starts_with("42,"), by_ids.err);
  CHECK(by_ids.out.ends_with(",319\n"));
  const Outcome refused = run({"--prompt", "12", "--grammar", bad});
  CHECK(refused.exit_code == 2);
  CHECK(refused.err.find("grammar:1:6: expected '::=', found '='") != std::string::npos);
}

TEST_CASE("generate refuses what it cannot do and says why") {
  const std::string model = golden("llama");
  if (model.empty()) return;
  struct Row {
    std::vector<std::string> arguments;
    const char* message;
  };
  const Row rows[] = {
      {{"generate", model}, "--inputs is required"},
      {{"generate", model, "--ids", "1,x"}, "expected numbers with commas"},
      {{"generate", model, "--ids", "1,2,"}, "expected numbers with commas"},
      {{"generate", model, "--ids", "99999"}, "outside"},
      {{"generate", model, "--ids", "1", "--inputs", "x"}, "give one of --prompt"},
      {{"generate", model, "--ids", "1", "--prompt", "x"}, "give one of --prompt"},
      {{"generate", model, "--ids", "1", "--chat", "x"}, "give one of --prompt"},
      {{"generate", model, "--ids", "1", "--set", "max_new_token=3"}, "is not known"},
      {{"generate", model, "--ids", "1", "--greedy", "--top-k", "3"}, "no option of sampling"},
      {{"generate", model, "--ids", "1", "--top-p", "most"}, "expected a number"},
      {{"generate", model, "--ids", "1", "--json", "--set", "num_beams=2"}, "without beams"},
      {{"generate", model, "--chat", "--json"}, "a conversation has many"},
      {{"generate", model, "--ids", "1", "--assistant-model", golden("mistral")},
       "must have the same tokenizer"},
      {{"generate", model, "--ids", "1", "--assistant-model", "/nonexistent/model"},
       "/nonexistent"},
      {{"generate", golden("bert"), "--task", "AutoModel", "--ids", "1"},
       "is no causal language model"},
  };
  for (const Row& row : rows) {
    const Outcome outcome = run_tern(row.arguments);
    CAPTURE(outcome.err);
    CHECK(outcome.exit_code != 0);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.find(row.message) != std::string::npos);
  }
}
