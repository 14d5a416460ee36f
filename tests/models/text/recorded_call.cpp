// SPDX-License-Identifier: Apache-2.0
// The call and BatchEncoding's look-ups against what Transformers returned (make_call.py).
#include <doctest/doctest.h>

#include "../../../engine/base/error.h"
#include "cases.h"
#include "recorded_options.h"

using namespace tern;
using namespace tern::test;
using hub::Json;

namespace {

using Strings = std::vector<std::string>;

Json number(int64_t value) {
  return Json::make(value);
}

Json maybe(const auto& value) {
  if (!value) return Json();
  if constexpr (requires { value->start; })
    return Json::array({number(value->start), number(value->end)});
  else
    return number(*value);
}

BatchEncoding call(const Tokenizer& tokenizer, const Json& line) {
  const TokenizeOptions o = read_options(line["options"]);
  if (line.contains("texts")) return tokenizer(strings(line["texts"]), o);
  if (line.contains("words")) {
    std::vector<Strings> words;
    for (const Json& row : line["words"].elements()) words.push_back(strings(row));
    return tokenizer(words, o);
  }
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const Json& row : line["pairs"].elements()) {
    const Strings both = strings(row);
    pairs.emplace_back(both[0], both[1]);
  }
  return tokenizer(pairs, o);
}

/// f(i) for every i < count.
Json each(int64_t count, const auto& f) {
  std::vector<Json> out;
  for (int64_t i = 0; i < count; ++i) out.push_back(f(i));
  return Json::array(std::move(out));
}

Json none_below_zero(const std::vector<int32_t>& values) {
  return each(static_cast<int64_t>(values.size()), [&](int64_t i) {
    const int32_t v = values[static_cast<size_t>(i)];
    return v < 0 ? Json() : number(v);
  });
}

void check_row(const BatchEncoding& found, int64_t row, const Json& expected) {
  const auto check = [&](std::string_view name, const Json& value) {
    CAPTURE(name);
    CHECK(value.dump() == expected[name].dump());
  };
  const auto count = static_cast<int64_t>(found.encodings[static_cast<size_t>(row)].ids.size());
  const auto characters = static_cast<int64_t>(expected["char_to_word"].elements().size());
  const auto& words = expected["words"].elements();
  const auto word = [&](int64_t i) { return words[static_cast<size_t>(i)].integer().value(); };
  const auto word_count = static_cast<int64_t>(words.size());
  check("word_ids", none_below_zero(found.word_ids(row)));
  check("sequence_ids", none_below_zero(found.sequence_ids(row)));
  const Strings& tokens = found.tokens(row);
  check("tokens",
        each(count, [&](int64_t i) { return Json::make(tokens[static_cast<size_t>(i)]); }));
  check("token_to_word",
        each(count, [&](int64_t i) { return maybe(found.token_to_word(row, i)); }));
  check("token_to_chars",
        each(count, [&](int64_t i) { return maybe(found.token_to_chars(row, i)); }));
  check("char_to_word",
        each(characters, [&](int64_t c) { return maybe(found.char_to_word(row, c)); }));
  check("char_to_token", each(2, [&](int64_t s) {
          return each(characters, [&](int64_t c) {
            return maybe(found.char_to_token(row, c, static_cast<int>(s)));
          });
        }));
  check("word_to_tokens", each(2, [&](int64_t s) {
          return each(word_count, [&](int64_t i) {
            return maybe(found.word_to_tokens(row, word(i), static_cast<int>(s)));
          });
        }));
  check("word_to_chars",
        each(word_count, [&](int64_t i) { return maybe(found.word_to_chars(row, word(i))); }));
}

}  // namespace

TEST_CASE("calls give Transformers' tensors, and every look-up its answer") {
  const std::string folder = TERN_TEST_DATA "/tokenizers/bert-base-uncased";
  const Tokenizer tokenizer =
      from_files({{"tokenizer.json", read_maybe_xz(folder + "/tokenizer.json")},
                  {"tokenizer_config.json", R"({"model_max_length":512})"}});
  const auto all = lines(read_maybe_xz(TERN_TEST_DATA "/tokenizers/call.jsonl"));
  CHECK(all.size() > 200);
  for (const std::string& text : all) {
    CAPTURE(text.substr(0, 500));
    const Json line = Json::parse(text, "case");
    if (line.contains("error")) {
      CHECK_THROWS_AS(call(tokenizer, line), Error);
      continue;
    }
    const BatchEncoding found = call(tokenizer, line);
    for (const auto& expected : line["out"].members()) {
      const std::string name(expected.first);
      CAPTURE(name);
      CHECK(nested(found[name]).dump() == expected.second.dump());
    }
    CHECK(found.entries().size() == line["out"].members().size());
    const auto& rows = line["rows"].elements();
    for (size_t i = 0; i < rows.size(); ++i) check_row(found, static_cast<int64_t>(i), rows[i]);
  }
}
