// SPDX-License-Identifier: Apache-2.0
// The call and BatchEncoding's look-ups against what Transformers returned (make_call.py).
#include <doctest/doctest.h>

#include "../../../engine/base/error.h"
#include "cases.h"

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

Strings strings(const Json& array) {
  Strings out;
  for (const Json& s : array.elements()) out.emplace_back(s.string().value());
  return out;
}

std::optional<Side> side(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return json.string() == std::string_view("left") ? Side::left : Side::right;
}

void read_padding(const Json& json, TokenizeOptions& o) {
  o.padding = json.boolean().value_or(false);
  if (json.string() == std::string_view("longest")) o.padding_strategy = PaddingStrategy::longest;
  if (json.string() == std::string_view("max_length")) {
    o.padding_strategy = PaddingStrategy::max_length;
  }
}

void read_truncation(const Json& json, TokenizeOptions& o) {
  o.truncation = json.boolean().value_or(false);
  const std::string_view name = json.string().value_or("");
  if (name == "longest_first") o.truncation_strategy = TruncationStrategy::longest_first;
  if (name == "only_first") o.truncation_strategy = TruncationStrategy::only_first;
  if (name == "only_second") o.truncation_strategy = TruncationStrategy::only_second;
}

TokenizeOptions read_options(const Json& json) {
  const auto flag = [&](std::string_view name, bool absent) {
    return json[name].boolean().value_or(absent);
  };
  TokenizeOptions o;
  o.add_special_tokens = flag("add_special_tokens", true);
  read_padding(json["padding"], o);
  read_truncation(json["truncation"], o);
  o.max_length = json["max_length"].integer().value_or(0);
  o.stride = json["stride"].integer().value_or(0);
  o.pad_to_multiple_of = json["pad_to_multiple_of"].integer().value_or(0);
  o.padding_side = side(json["padding_side"]);
  if (!json["return_token_type_ids"].is_null()) {
    o.return_token_type_ids = flag("return_token_type_ids", true);
  }
  o.return_attention_mask = flag("return_attention_mask", true);
  o.return_overflowing_tokens = flag("return_overflowing_tokens", false);
  o.return_special_tokens_mask = flag("return_special_tokens_mask", false);
  o.return_offsets_mapping = flag("return_offsets_mapping", false);
  o.return_length = flag("return_length", false);
  o.return_tokens = true;
  return o;
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

/// A tensor as nested lists.
Json lists(const int64_t*& values, const Shape& shape, size_t dim) {
  if (dim == shape.rank()) return number(*values++);
  std::vector<Json> out;
  for (int64_t i = 0; i < shape[dim]; ++i) out.push_back(lists(values, shape, dim + 1));
  return Json::array(std::move(out));
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
    for (const Json::Member& expected : line["out"].members()) {
      const std::string& name = expected.first;
      CAPTURE(name);
      const Tensor& tensor = found[name];
      const int64_t* values = tensor.data<int64_t>();
      CHECK(lists(values, tensor.shape(), 0).dump() == expected.second.dump());
    }
    CHECK(found.entries().size() == line["out"].members().size());
    const auto& rows = line["rows"].elements();
    for (size_t i = 0; i < rows.size(); ++i) check_row(found, static_cast<int64_t>(i), rows[i]);
  }
}
