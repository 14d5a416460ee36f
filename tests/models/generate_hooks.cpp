// SPDX-License-Identifier: Apache-2.0
// What a call of generate() has beside its arguments: a callback for each token, stop strings.
#include <doctest/doctest.h>

#include <filesystem>
#include <map>

#include "../../engine/base/format.h"
#include "../../models/generate/generate.h"
#include "../../models/generate/stop_strings.h"
#include "golden.h"
#include "text/cases.h"

using namespace tern;
using hub::Json;

namespace {

/// The words w0 to w319, the vocabulary of the golden models.
Tokenizer words() {
  std::string vocabulary;
  for (int i = 0; i < 320; ++i) vocabulary += cat(i == 0 ? "" : ",", "\"w", i, "\":", i);
  return AutoTokenizer::from_json(
      cat(R"({"pre_tokenizer":{"type":"WhitespaceSplit"},"model":{"type":"WordLevel","vocab":{)",
          vocabulary, R"(},"unk_token":"w0"}})"),
      "tokenizer.json");
}

struct Llama {
  PretrainedModel model;
  GenerationConfig config;
  Llama() {
    const hub::Repo repo = hub::Repo::open(golden::root() + "/llama");
    model = load_model("AutoModelForCausalLM", repo, {.dtype = "float32"});
    config = GenerationConfig::from_repo(repo, model->config());
  }
  /// The rows without the prompt of two tokens.
  std::vector<std::vector<int64_t>> operator()(const std::string& arguments,
                                               const GenerateHooks& hooks) const {
    const Tensor ids = Tensor::from<int64_t>(std::vector<int64_t>{5, 9, 7, 11}, {2, 2});
    Context ctx;
    const NamedTensors found = generate(ctx, *model, {{"input_ids", ids}},
                                        config.with(Json::parse(arguments, "arguments")), hooks);
    const Tensor& rows = found["sequences"];
    std::vector<std::vector<int64_t>> out;
    for (int64_t row = 0; row < rows.dim(0); ++row) {
      const auto* from = rows.data<int64_t>() + row * rows.dim(1);
      out.emplace_back(from + 2, from + rows.dim(1));
    }
    return out;
  }
};

constexpr const char* kTen = R"({"max_new_tokens":10,"eos_token_id":[],"pad_token_id":319})";

}  // namespace

TEST_CASE("stop strings stop after the tokens that Transformers stops after") {
  std::map<std::string, Tokenizer> tokenizers;
  size_t cases = 0, stops = 0;
  for (const std::string& line :
       test::lines(test::read_maybe_xz(std::string(TERN_TEST_DATA) + "/stop_strings.jsonl"))) {
    const Json json = Json::parse(line, "case");
    const std::string name(*json["tokenizer"].string());
    const std::string folder = std::string(TERN_SHARED_DATA) + "/tokenizers/" + name;
    if (!std::filesystem::exists(folder)) continue;
    if (!tokenizers.contains(name)) tokenizers.emplace(name, test::load(folder));
    std::vector<std::string> strings;
    for (const Json& s : json["stop_strings"].elements()) strings.emplace_back(*s.string());
    const StopStrings stop(tokenizers.at(name), strings);
    std::vector<int64_t> ids;
    ++cases;
    for (size_t i = 0; i < json["ids"].elements().size(); ++i) {
      ids.push_back(*json["ids"].elements()[i].integer());
      const bool expected = *json["stops"].elements()[i].integer() == 1;
      CAPTURE(line.substr(0, 100));
      CAPTURE(i);
      CHECK(stop.end_in_last(ids) == expected);
      stops += expected ? 1 : 0;
    }
  }
  if (cases == 0) {
    MESSAGE("skipped: no shared tokenizers");
    return;
  }
  CHECK(cases == 100);
  CHECK(stops > 50);
}

TEST_CASE("the callback gets each token of each row, and ends a row by false") {
  if (golden::root().empty()) return;
  const Llama llama;
  const auto plain = llama(kTen, {});
  REQUIRE(plain[0].size() == 10);
  std::vector<std::vector<int64_t>> heard(2);
  GenerateHooks hooks;
  hooks.on_token = [&](int64_t row, int64_t token) {
    heard[static_cast<size_t>(row)].push_back(token);
    return true;
  };
  CHECK(llama(kTen, hooks) == plain);
  CHECK(heard == plain);
  heard = {{}, {}};
  hooks.on_token = [&](int64_t row, int64_t token) {
    heard[static_cast<size_t>(row)].push_back(token);
    return row == 0 || heard[1].size() < 4;
  };
  const auto found = llama(kTen, hooks);
  CHECK(found[0] == plain[0]);
  CHECK(heard[0] == plain[0]);
  CHECK(heard[1] == std::vector<int64_t>(plain[1].begin(), plain[1].begin() + 4));
  std::vector<int64_t> padded = heard[1];
  padded.resize(10, 319);
  CHECK(found[1] == padded);
}

TEST_CASE("a row ends with the token that completes a stop string, the others go on") {
  if (golden::root().empty()) return;
  const Llama llama;
  const auto plain = llama(kTen, {});
  const std::string words_of_row =
      words().decode(std::vector<int64_t>(plain[0].begin() + 2, plain[0].begin() + 4));
  const std::string arguments =
      cat(R"({"max_new_tokens":10,"eos_token_id":[],"pad_token_id":319,"stop_strings":[")",
          words_of_row, R"("]})");
  const auto found = llama(arguments, {.tokenizer = words()});
  std::vector<int64_t> expected(plain[0].begin(), plain[0].begin() + 4);
  expected.resize(10, 319);
  CHECK(found[0] == expected);
  CHECK(found[1] == plain[1]);
}

TEST_CASE("beams end with a stop string as Transformers' with a criterion of that token") {
  if (golden::root().empty()) return;
  const Llama llama;
  using Rows = std::vector<std::vector<int64_t>>;
  const auto found = [&](const char* stop) {
    return llama(cat(R"({"max_new_tokens":10,"eos_token_id":[],"pad_token_id":319,"num_beams":3,)",
                     R"("num_return_sequences":2,"stop_strings":[")", stop, R"("]})"),
                 {.tokenizer = words()});
  };
  // _beam_search of 5.23 with a StoppingCriteria of the last token.
  CHECK(found("w303") == Rows{{74, 137, 47, 74, 146, 227, 136, 287, 21, 3},
                              {74, 137, 47, 74, 146, 227, 110, 303, 319, 319},
                              {14, 150, 214, 262, 257, 139, 3, 129, 288, 3},
                              {14, 150, 214, 262, 257, 139, 3, 129, 288, 120}});
  CHECK(found("w227") == Rows{{74, 137, 47, 74, 146, 227, 319, 319, 319, 319},
                              {74, 137, 47, 74, 58, 107, 21, 47, 74, 144},
                              {165, 303, 259, 268, 221, 87, 165, 303, 3, 165},
                              {165, 303, 259, 268, 221, 87, 165, 303, 119, 148}});
}

TEST_CASE("after max_time a call ends with the step that it is in") {
  if (golden::root().empty()) return;
  const Llama llama;
  using Rows = std::vector<std::vector<int64_t>>;
  for (const char* beams : {"1", "3"}) {
    CAPTURE(beams);
    const auto with = [&](const char* seconds) {
      return llama(cat(R"({"max_new_tokens":10,"eos_token_id":[],"pad_token_id":319,"num_beams":)",
                       beams, R"(,"max_time":)", seconds, "}"),
                   {});
    };
    CHECK(with("0") == Rows{{74}, {14}});  // as Transformers 5.23
    CHECK(with("1000")[0].size() == 10);
  }
}

TEST_CASE("a prompt without a mask has none of pad_token_id, unless that is an end") {
  if (golden::root().empty()) return;
  const Llama llama;
  Context ctx;
  const Tensor ids = Tensor::from<int64_t>(std::vector<int64_t>{319, 319, 7, 5, 9, 7}, {2, 3});
  const Tensor mask = Tensor::from<int64_t>(std::vector<int64_t>{0, 0, 1, 1, 1, 1}, {2, 3});
  const auto rows = [&](const NamedTensors& inputs, const char* ends) {
    const std::string arguments =
        cat(R"({"max_new_tokens":6,"pad_token_id":319,"eos_token_id":)", ends, "}");
    const NamedTensors found =
        generate(ctx, *llama.model, inputs, llama.config.with(Json::parse(arguments, "a")));
    const Tensor& t = found["sequences"];
    return std::vector<int64_t>(t.data<int64_t>(), t.data<int64_t>() + t.numel());
  };
  const NamedTensors masked = {{"input_ids", ids}, {"attention_mask", mask}};
  CHECK(rows({{"input_ids", ids}}, "[]") == rows(masked, "[]"));
  CHECK(rows({{"input_ids", ids}}, "[319]") != rows(masked, "[319]"));
}

TEST_CASE("hooks that make no sense are refused by name") {
  if (golden::root().empty()) return;
  const Llama llama;
  const auto message = [&](const std::string& arguments, const GenerateHooks& hooks) {
    return golden::error_of([&] { llama(arguments, hooks); }).second;
  };
  const GenerateHooks with_words = {.tokenizer = words()};
  CHECK(message(R"({"stop_strings":"a"})", {}).find("need the tokenizer") != std::string::npos);
  GenerateHooks callback;
  callback.on_token = [](int64_t, int64_t) { return true; };
  CHECK(message(R"({"num_beams":2})", callback).find("num_beams to 1") != std::string::npos);
  for (const char* bad : {R"({"stop_strings":""})", R"({"stop_strings":["a",""]})",
                          R"({"stop_strings":[1]})", R"({"stop_strings":{}})"}) {
    CAPTURE(std::string(bad));
    CHECK(message(bad, with_words).find("'stop_strings' must be") != std::string::npos);
  }
}
