// SPDX-License-Identifier: Apache-2.0
// The changes of scores against those of Transformers, recorded by make_logits_processors.py; and
// what other libraries have and Transformers does not.
#include "../../models/generate/logits_processors.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "../../engine/base/format.h"
#include "golden.h"
#include "text/cases.h"

using namespace tern;
using hub::Json;

namespace {

std::vector<int64_t> ids_of(const Json& list) {
  std::vector<int64_t> out;
  for (const Json& id : list.elements()) out.push_back(*id.integer());
  return out;
}

std::vector<float> numbers_of(const Json& list) {
  std::vector<float> out;
  for (const Json& x : list.elements()) {
    out.push_back(x.is_null() ? -std::numeric_limits<float>::infinity()
                              : static_cast<float>(*x.number()));
  }
  return out;
}

/// The scores after `tokens`, `prompt` of which were given.
std::vector<float> processed(const Json& arguments, const std::vector<int64_t>& tokens,
                             int64_t prompt, std::vector<float> scores, int64_t max_length = 100,
                             int64_t padding = 0) {
  const LogitsProcessors process(GenerationConfig().with(arguments), prompt, max_length, nullptr);
  const auto source = std::span(tokens).first(static_cast<size_t>(prompt));
  process({tokens, source, padding}, scores);
  return scores;
}

std::vector<float> processed(const char* arguments, const std::vector<int64_t>& tokens,
                             int64_t prompt, std::vector<float> scores) {
  return processed(Json::parse(arguments, "arguments"), tokens, prompt, std::move(scores));
}

}  // namespace

TEST_CASE("every recorded change of scores is Transformers'") {
  int cases = 0;
  for (const std::string& line :
       test::lines(test::read_maybe_xz(std::string(TERN_TEST_DATA) + "/logits_processors.jsonl"))) {
    CAPTURE(line);
    const Json c = Json::parse(line, "a case");
    const std::vector<float> expected = numbers_of(c["expected"]);
    const std::vector<float> found =
        processed(c["arguments"], ids_of(c["tokens"]), *c["prompt"].integer(),
                  numbers_of(c["scores"]), *c["max_length"].integer(), *c["padding"].integer());
    ++cases;
    REQUIRE(found.size() == expected.size());
    for (size_t i = 0; i < found.size(); ++i) {
      CAPTURE(i);
      if (std::isfinite(expected[i])) {
        CHECK(std::abs(found[i] - expected[i]) <= 2e-6F * std::max(1.0F, std::abs(expected[i])));
      } else {
        CHECK(found[i] == expected[i]);
      }
    }
  }
  CHECK(cases >= 280);
}

TEST_CASE("frequency and presence count what was generated, not the prompt") {
  const std::vector<float> scores{1, 2, -3, 4};
  const std::vector<int64_t> tokens{3, 1, 2, 2, 1, 2};  // two of the prompt
  CHECK(processed(R"({"frequency_penalty":0.5})", tokens, 2, scores) ==
        std::vector<float>{1, 1.5F, -4.5F, 4});
  CHECK(processed(R"({"presence_penalty":0.25})", tokens, 2, scores) ==
        std::vector<float>{1, 1.75F, -3.25F, 4});
  CHECK(processed(R"({"presence_penalty":-1,"frequency_penalty":1})", tokens, 2, scores) ==
        std::vector<float>{1, 2, -5, 4});
}

TEST_CASE("arguments of scores that make no sense are refused by name") {
  const auto message = [](const char* arguments) {
    return golden::error_of([&] { processed(arguments, {1, 2}, 1, {1, 2, 3, 4}); }).second;
  };
  for (const char* bad : {"1", "[]", "[[1,2.0]]", "[[[],1.0]]", "[[[1]]]", R"([[[1],"x"]])",
                          "[[[-1],1.0]]", "[[[1.5],1.0]]"}) {
    CAPTURE(bad);
    CHECK(message(cat(R"({"sequence_bias":)", bad, "}").c_str()).find("'sequence_bias'") !=
          std::string::npos);
  }
  CHECK(message(R"({"sequence_bias":[[[1,4],1.0]]})").find("the token 4 but the vocabulary") !=
        std::string::npos);
  for (const char* bad : {"1", "[1]", "[-1,1.1]", "[1.5,1.1]", "[1,0]", "[1,-1]", R"([1,"a"])"}) {
    CAPTURE(bad);
    CHECK(message(cat(R"({"exponential_decay_length_penalty":)", bad, "}").c_str())
              .find("'exponential_decay_length_penalty' must be") != std::string::npos);
  }
  for (const char* bad : {R"({"top_h":0})", R"({"top_h":1.1})", R"({"max_time":-1})",
                          R"({"frequency_penalty":1e9})", R"({"presence_penalty":"a"})"}) {
    CAPTURE(bad);
    CHECK(message(bad).find("must be") != std::string::npos);
  }
}
