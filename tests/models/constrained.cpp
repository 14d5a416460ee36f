// SPDX-License-Identifier: Apache-2.0
// generate() with a grammar or a JSON schema: what models without sense write is of the grammar.
#include <doctest/doctest.h>

#include <filesystem>
#include <set>

#include "../../engine/base/format.h"
#include "../../models/generate/generate.h"
#include "../../models/generate/grammar/constraint.h"
#include "../../models/generate/grammar/json_schema.h"
#include "../../models/text/unicode/byte_alphabet.h"
#include "../../models/text/unicode/utf8.h"
#include "generator.h"
#include "grammar_texts.h"
#include "text/cases.h"

using namespace tern;
using grammar::Automaton;
using grammar::Grammar;
using hub::Json;
using test::accepts;

namespace {

constexpr int64_t kEnd = 2;

/// Byte-level: three special tokens, the bytes of ASCII text, tokens of several bytes, some of
/// which end inside of a character; where the model's vocabulary has room, all other bytes.
Tokenizer bytes_tokenizer(int64_t vocabulary) {
  std::vector<std::string> tokens;
  for (int byte = 0x20; byte < 0x7F; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  for (const char* more :
       {"\n",   "{\"",   "\":",          "\",\"",     "\"}",  "\": \"", "}}",   "[[",  "],",
        "true", "false", "null",         "12",        "  ",   "\n  ",   "name", "age", " \"",
        "\xC3", "\xA9",  "\xF0\x9F\x98", "a\xE2\x82", "\x80", "\xAC\"", "\\n",  "\\u"})
    tokens.emplace_back(more);
  const std::set<std::string> known(tokens.begin(), tokens.end());
  for (int byte = 0x80; byte < 0x100 && vocabulary >= 300; ++byte) {
    std::string token(1, static_cast<char>(byte));
    if (!known.contains(token)) tokens.push_back(std::move(token));
  }
  std::string list = R"("<pad>":0,"<s>":1,"</s>":2)";
  for (size_t i = 0; i < tokens.size(); ++i) {
    std::string written;
    for (const char byte : tokens[i])
      text::append_char(written, text::character_of_byte(static_cast<uint8_t>(byte)));
    list += cat(",", hub::json_quote(written), ":", i + 3);
  }
  std::string added;
  for (const auto& [id, name] : {std::pair(0, "<pad>"), std::pair(1, "<s>"), std::pair(2, "</s>")})
    added +=
        cat(id == 0 ? "" : ",", R"({"id":)", id, R"(,"content":")", name, R"(","special":true})");
  return AutoTokenizer::from_json(
      cat(R"({"added_tokens":[)", added,
          R"(],"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},)",
          R"("decoder":{"type":"ByteLevel"},"model":{"type":"BPE","merges":[],"vocab":{)", list,
          "}}}"),
      "tokenizer.json");
}

struct Loaded : golden::Generator {
  Tokenizer tokenizer;
  int64_t prompt;

  explicit Loaded(const std::string& name)
      : Generator(name),
        tokenizer(bytes_tokenizer(model->config().integer({"vocab_size"}, 0, 0, INT64_MAX))),
        prompt(two_halves ? 1 : 2) {}

  NamedTensors run(const std::string& arguments, GenerateHooks hooks = {}) const {
    if (!hooks.tokenizer) hooks.tokenizer = tokenizer;
    Context ctx;
    return generate(
        ctx, *model,
        {{"input_ids", Tensor::from<int64_t>(std::vector<int64_t>{5, 9, 7, 11}, {2, 2})}},
        config.with(Json::parse(arguments, "arguments")), hooks);
  }
};

/// What was generated of each row up to its end, and whether that came.
struct Row {
  std::vector<int64_t> ids;
  bool ended = false;
};
std::vector<Row> rows_of(const NamedTensors& found, int64_t prompt) {
  const Tensor& all = found["sequences"];
  std::vector<Row> out;
  for (int64_t r = 0; r < all.dim(0); ++r) {
    Row row;
    for (int64_t i = prompt; i < all.dim(1) && !row.ended; ++i) {
      const int64_t id = all.data<int64_t>()[r * all.dim(1) + i];
      row.ended = id == kEnd;
      if (!row.ended) row.ids.push_back(id);
    }
    out.push_back(std::move(row));
  }
  return out;
}

std::string bytes_of(const Tokenizer& tokenizer, std::span<const int64_t> ids) {
  std::string out;
  for (const int64_t id : ids) out += tokenizer.token_bytes(id);
  return out;
}

constexpr const char* kPerson =
    R"({"properties":{"name":{"type":"string","maxLength":4},"age":{"type":"integer","minimum":0,"maximum":150},)"
    R"("tags":{"type":"array","items":{"enum":["x","é"]},"maxItems":2},"ok":{"type":["boolean","null"]}},)"
    R"("required":["name","age"]})";

std::string with_schema(const char* schema, const std::string& more) {
  return cat(R"({"eos_token_id":2,"pad_token_id":0,"forced_eos_token_id":[],"json_schema":)",
             schema, ",", more, "}");
}

}  // namespace

TEST_CASE("models without sense write JSON of their schema, greedy, drawn and with beams") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  Automaton automaton(
      Grammar::parse(grammar::of_json_schema(Json::parse(kPerson, "schema")), "json_schema"));
  size_t ended = 0, cut = 0;
  std::set<std::string> answers;
  for (const char* name : {"llama", "gpt2", "t5", "bart"}) {
    CAPTURE(name);
    const Loaded loaded(name);
    std::vector<std::string> calls = {
        R"("max_new_tokens":60)", R"("max_new_tokens":60,"num_beams":4)",
        R"("max_new_tokens":60,"num_beams":3,"do_sample":true,"temperature":8.0,"seed":3)",
        R"("max_new_tokens":60,"num_beams":4,"num_return_sequences":4,"early_stopping":true)"};
    for (int seed = 0; seed < 12; ++seed)
      calls.push_back(
          cat(R"("max_new_tokens":60,"do_sample":true,"temperature":8.0,"top_k":0,"seed":)", seed));
    for (const std::string& call : calls) {
      CAPTURE(call);
      for (const Row& row : rows_of(loaded.run(with_schema(kPerson, call)), loaded.prompt)) {
        const std::string text = loaded.tokenizer.decode(row.ids);
        CAPTURE(text);
        CHECK(accepts(automaton, bytes_of(loaded.tokenizer, row.ids), row.ended));
        (row.ended ? ended : cut) += 1;
        if (!row.ended) continue;
        const Json json = Json::parse(text, "answer");
        answers.insert(text);
        const auto age = json["age"].integer();
        CHECK((age && *age >= 0 && *age <= 150));
        REQUIRE(json["name"].is_string());
        CHECK(text::count_chars(*json["name"].string()) <= 4);
        for (const Json& tag : json["tags"].elements())
          CHECK((tag.string() == "x" || tag.string() == "é"));
      }
    }
  }
  CAPTURE(cut);
  CHECK(ended > 60);
  CHECK(answers.size() > 30);
}

TEST_CASE("a grammar holds to the last byte: what may not go on ends, what may not end goes on") {
  if (golden::root().empty()) return;
  const Loaded llama("llama");
  for (const char* arguments : {R"("max_new_tokens":40)", R"("max_new_tokens":40,"num_beams":4)"}) {
    const auto answers = [&](const char* grammar) {
      std::vector<std::string> out;
      for (const Row& row :
           rows_of(llama.run(cat(R"({"eos_token_id":2,"pad_token_id":0,"grammar":)",
                                 hub::json_quote(grammar), ",", arguments, "}")),
                   2)) {
        CHECK(row.ended);
        out.push_back(bytes_of(llama.tokenizer, row.ids));
      }
      return out;
    };
    CHECK(answers("root ::= \"aé€😀\\n\"") == std::vector<std::string>(2, "aé€😀\n"));
    CHECK(answers("root ::= \"\"") == std::vector<std::string>(2));
    for (const std::string& text : answers("root ::= [é€😀]{5}")) {
      CHECK(text::count_chars(text) == 5);
      CHECK(text.find_first_not_of("é€😀") == std::string::npos);
    }
  }
}

TEST_CASE("guesses change no token of a constrained answer") {
  if (golden::root().empty()) return;
  const Loaded llama("llama"), gpt2("gpt2");
  int64_t right = 0;
  for (const char* schema : {kPerson, "{}", R"({"type":"array","items":{"const":"abc"}})"}) {
    for (const char* more :
         {R"("max_new_tokens":60)",
          R"("max_new_tokens":60,"do_sample":true,"temperature":3.0,"seed":5)"}) {
      CAPTURE(schema);
      CAPTURE(more);
      const Tensor plain = llama.run(with_schema(schema, more))["sequences"];
      GenerateHooks hooks;
      hooks.on_guesses = [&](int64_t, int64_t good) { right += good; };
      const std::string lookup = cat(more, R"(,"prompt_lookup_num_tokens":5)");
      CHECK(golden::same_bits(llama.run(with_schema(schema, lookup), hooks)["sequences"], plain));
      for (const Loaded* assistant : {&llama, &gpt2}) {
        hooks.assistant_model = &*assistant->model;
        CHECK(golden::same_bits(llama.run(with_schema(schema, more), hooks)["sequences"], plain));
      }
    }
  }
  CHECK(right > 100);
}

TEST_CASE("a constrained call says what it lacks") {
  if (golden::root().empty()) return;
  const Loaded llama("llama");
  const auto error = [&](const std::string& arguments, bool tokenizer = true) {
    return golden::error_of([&] {
      if (tokenizer) {
        llama.run(arguments);
      } else {
        Context ctx;
        generate(ctx, *llama.model,
                 {{"input_ids", Tensor::from<int64_t>(std::vector<int64_t>{5, 9}, {1, 2})}},
                 llama.config.with(Json::parse(arguments, "arguments")));
      }
    });
  };
  const std::tuple<const char*, bool, ErrorCode, const char*> rows[] = {
      {R"({"grammar":"root ::= \"a\""})", false, ErrorCode::invalid_argument,
       "generate: grammar and json_schema need the tokenizer: give it in GenerateHooks"},
      {R"({"grammar":"root ::= \"a\"","json_schema":{}})", true, ErrorCode::invalid_argument,
       "generate: give one of grammar and json_schema, not both"},
      {R"({"grammar":"root ::= \"a\"","eos_token_id":[]})", true, ErrorCode::invalid_argument,
       "set eos_token_id"},
      {R"({"grammar":"root ::="})", true, ErrorCode::internal, "nothing was thrown"},
      {R"({"grammar":"root :: \"a\""})", true, ErrorCode::invalid_argument,
       "grammar:1:6: expected '::=', found ':'"},
      {R"({"grammar":1})", true, ErrorCode::invalid_argument, "'grammar'"},
      {R"({"json_schema":1})", true, ErrorCode::invalid_argument, "'json_schema'"},
      {R"({"json_schema":"{"})", true, ErrorCode::corrupt, "json_schema"},
      {R"({"json_schema":{"not":{}}})", true, ErrorCode::unsupported, "'not' is not supported"},
      {R"({"json_schema":"{\"const\":1}"})", true, ErrorCode::internal, "nothing was thrown"},
      {R"({"json_schema":true,"max_new_tokens":3})", true, ErrorCode::internal,
       "nothing was thrown"},
      {R"({"grammar":"","json_schema":""})", false, ErrorCode::internal, "nothing was thrown"},
      {R"({"grammar":"root ::= \"a\"","min_new_tokens":3,"remove_invalid_values":true})", true,
       ErrorCode::invalid_argument, "generate: no token can come next"},
      {R"({"grammar":"root ::= \"a\"","min_new_tokens":3,"renormalize_logits":true})", true,
       ErrorCode::invalid_argument, "generate: no token can come next"},
      {R"({"grammar":"root ::= \"a\"","min_new_tokens":3,"max_new_tokens":9})", true,
       ErrorCode::invalid_argument, "generate: no token can come next"},
      {R"({"grammar":"root ::= \"a\"","min_new_tokens":3,"max_new_tokens":9,"num_beams":2})", true,
       ErrorCode::invalid_argument, "generate: no token can come next"},
      {R"({"grammar":"root ::= \"a\"","suppress_tokens":[68],"do_sample":true})", true,
       ErrorCode::invalid_argument, "generate: no token can come next"},
  };
  for (const auto& row : rows) {
    const std::string arguments = std::get<0>(row);
    CAPTURE(arguments);
    const auto thrown = error(arguments, std::get<1>(row));
    CAPTURE(thrown.second);
    CHECK(thrown.first == std::get<2>(row));
    CHECK(thrown.second.find(std::get<3>(row)) != std::string::npos);
  }
}

TEST_CASE("what a token adds as bytes is what decoding shows of it") {
  const Tokenizer own = bytes_tokenizer(320);
  CHECK(own.token_bytes(0).empty());
  CHECK(own.token_bytes(-1).empty());
  CHECK(own.token_bytes(319).empty());
  CHECK(own.token_bytes(3) == " ");
  constexpr std::string_view kText =
      "It’s 25 °C, naïve 😀 tokens:\n\t{\"a\": [1, true]}  日本語 \x01 ½";
  for (const std::string& folder : test::tokenizer_folders()) {
    CAPTURE(folder);
    if (folder.ends_with("missing-unk")) continue;  // it refuses the text
    const Tokenizer tokenizer = test::load(folder);
    const auto ids = tokenizer.encode(kText, {.add_special_tokens = false}).ids;
    const std::string bytes = bytes_of(tokenizer, ids);
    std::string scratch;
    const std::string all(text::valid_utf8(bytes, scratch));
    const std::string decoded =
        tokenizer.decode(ids, {.skip_special_tokens = true, .clean_up_tokenization_spaces = false});
    CAPTURE(all);
    CAPTURE(decoded);
    // Decoding takes blanks from both ends of a text that stands alone.
    CHECK((all == decoded || all == " " + decoded || all == decoded + " "));
  }
}

TEST_CASE("a row that takes more memory than is kept is read anew, with the same masks") {
  const Tokenizer tokenizer = bytes_tokenizer(320);
  const Grammar nested = Grammar::parse("root ::= \"[\" root \"]\" | \"x\"", "grammar");
  grammar::Constraint one(nested, tokenizer, {kEnd});
  const int64_t open = tokenizer.token_to_id("["), x = tokenizer.token_to_id("x"),
                close = tokenizer.token_to_id("]");
  const auto allowed = [&](std::span<const int64_t> row) {
    std::vector<float> scores(320, 1.F);
    one(row, scores);
    std::vector<int64_t> out;
    for (int64_t id = 0; id < 320; ++id) {
      if (scores[static_cast<size_t>(id)] == 1.F) out.push_back(id);
    }
    return out;
  };
  constexpr size_t kDeep = 250000;
  std::vector<int64_t> row(kDeep, open);
  const std::vector<int64_t> first = allowed(row);
  CHECK(std::count(first.begin(), first.end(), x) == 1);
  row.push_back(x);
  CHECK(allowed(row) == std::vector<int64_t>{close});
  CHECK(allowed(std::span(row).first(kDeep)) == first);
  row = {open, x, close};
  CHECK(allowed(row) == std::vector<int64_t>{kEnd});
  row.push_back(kEnd);
  CHECK(allowed(row) == std::vector<int64_t>{kEnd});
  row.push_back(x);
  CHECK(allowed(row).empty());
  // Behind an end nothing else comes, even where the text could go on.
  grammar::Constraint more(Grammar::parse("root ::= \"x\"*", "grammar"), tokenizer, {kEnd});
  std::vector<float> scores(320, 1.F);
  more(std::vector<int64_t>{x, kEnd}, scores);
  CHECK(std::count(scores.begin(), scores.end(), 1.F) == 1);
}

TEST_CASE("a mask has the tokens that can be read, each of them") {
  const std::string schema =
      R"({"properties":{"a":{"type":"string"},"b":{"type":"array"}},"required":["b"]})";
  golden::Rng rng{11};
  size_t looked = 0;
  for (const std::string& folder : test::tokenizer_folders()) {
    CAPTURE(folder);
    const Tokenizer tokenizer = test::load(folder);
    const auto count = static_cast<size_t>(tokenizer.vocab_size());
    std::vector<std::string> bytes;
    for (size_t id = 0; id < count; ++id)
      bytes.push_back(tokenizer.token_bytes(static_cast<int64_t>(id)));
    const Grammar grammar =
        Grammar::parse(grammar::of_json_schema(Json::parse(schema, "schema")), "grammar");
    const int64_t end = 5;  // any
    grammar::Constraint constraint(grammar, tokenizer, {end});
    Automaton automaton(grammar);
    std::vector<int64_t> row;
    std::string text;
    for (int step = 0; step < 12; ++step) {
      std::vector<float> scores(count + 3, 1.F);
      constraint(row, scores);
      grammar::State state = automaton.start();
      for (const char c : text) state = automaton.next(state, static_cast<uint8_t>(c));
      std::vector<int64_t> allowed;
      size_t wrong = 0;
      for (size_t id = 0; id < scores.size(); ++id) {
        grammar::State at = id < count && !bytes[id].empty() ? state : grammar::kDead;
        for (size_t i = 0; at != grammar::kDead && i < bytes[id].size(); ++i)
          at = automaton.next(at, static_cast<uint8_t>(bytes[id][i]));
        const bool expected =
            static_cast<int64_t>(id) == end ? automaton.may_end(state) : at != grammar::kDead;
        wrong += (scores[id] == 1.F) != expected;
        if (expected && static_cast<int64_t>(id) != end)
          allowed.push_back(static_cast<int64_t>(id));
      }
      CAPTURE(text);
      CHECK(wrong == 0);
      if (allowed.empty()) break;
      row.push_back(allowed[static_cast<size_t>(rng.below(static_cast<int64_t>(allowed.size())))]);
      text += bytes[static_cast<size_t>(row.back())];
      looked += 1;
    }
  }
  if (looked == 0) MESSAGE("skipped: no shared tokenizers");
}
