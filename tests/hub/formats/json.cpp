// SPDX-License-Identifier: Apache-2.0
// Json against what CPython's json.loads returns for the same text.
#include "../../../hub/formats/json.h"

#include <doctest/doctest.h>
#include <pthread.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <new>
#include <optional>

#include "../../../engine/base/format.h"
#include "../../allocations.h"
#include "../expect_error.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;

namespace {

Json parse(std::string_view text) {
  return Json::parse(text, "config.json");
}

std::string nested(size_t depth, std::string_view open, std::string_view close) {
  std::string text;
  for (size_t i = 0; i < depth; ++i) text += open;
  for (size_t i = 0; i < depth; ++i) text += close;
  return text;
}

std::string slurp(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("every kind of value is read") {
  const Json json = parse(
      " {\"n\": null, \"t\": true, \"f\": false, \"i\": -12, \"d\": 0.5, \"s\": \"x\",\r\n"
      "\t\"a\": [1, [], {}, [2, [3]]], \"o\": {\"k\": {\"l\": 4}}, \"\": 5}\n");
  CHECK(json.kind() == Json::Kind::object);
  CHECK(json.members().size() == 9);
  CHECK(json.members()[3].first == "i");
  CHECK(json["n"].is_null());
  CHECK(json.contains("n"));
  CHECK(!json.contains("absent"));
  CHECK(json["absent"].is_null());
  CHECK(json["t"].boolean() == true);
  CHECK(json["f"].boolean() == false);
  CHECK(json["i"].integer() == -12);
  CHECK(json["d"].number() == 0.5);
  CHECK(json["s"].string() == "x");
  CHECK(json[""].integer() == 5);
  REQUIRE(json["a"].elements().size() == 4);
  CHECK(json["a"].elements()[1].is_array());
  CHECK(json["a"].elements()[2].is_object());
  CHECK(json["a"].elements()[3].elements()[1].elements()[0].integer() == 3);
  CHECK(json["o"]["k"]["l"].integer() == 4);
  CHECK(json["a"]["k"].is_null());
  CHECK(json["s"].members().empty());
  CHECK(json["s"].elements().empty());
}

TEST_CASE("a value that is no container is a document too") {
  CHECK(parse(" 17 ").integer() == 17);
  CHECK(parse("\"a\\nb\"").string() == "a\nb");
  CHECK(parse("\ttrue\n").boolean() == true);
  CHECK(parse("null").is_null());
  CHECK(std::isnan(*parse("NaN").number()));
}

TEST_CASE("a value asked for as another kind is nothing") {
  for (const std::string_view text : {"null", "\"1\"", "[1]", "{\"a\":1}"}) {
    CAPTURE(text);
    CHECK(!parse(text).integer());
    CHECK(!parse(text).number());
    CHECK(!parse(text).boolean());
    CHECK(parse(text).number_text().empty());
  }
  CHECK(!parse("1").string());
  CHECK(!parse("0").boolean());
  CHECK(!parse("true").integer());
}

TEST_CASE("integers of any size keep their text") {
  const Json json = parse(R"({"model_max_length": 1000000000000000019884624838656 , "x": 1})");
  CHECK(json["model_max_length"].number_text() == "1000000000000000019884624838656");
  CHECK(json["model_max_length"].number() == 1e30);
  CHECK(!json["model_max_length"].integer());
  CHECK(parse("[9223372036854775807]").elements()[0].integer() == INT64_MAX);
  CHECK(parse("[-9223372036854775808]").elements()[0].integer() == INT64_MIN);
  CHECK(!parse("[9223372036854775808]").elements()[0].integer());
  CHECK(!parse("[18446744073709551616]").elements()[0].integer());
  CHECK(parse("[-0]").elements()[0].integer() == 0);
}

TEST_CASE("a number written as a float is no integer") {
  for (const std::string_view text : {"1.0", "1e3", "2E0", "-0.0", "NaN", "Infinity"}) {
    CAPTURE(text);
    CHECK(!parse(text).integer());
    CHECK(parse(text).number());
  }
}

TEST_CASE("numbers beyond double are infinite or zero as in CPython") {
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(std::isnan(*parse("[NaN]").elements()[0].number()));
  CHECK(parse("[Infinity]").elements()[0].number() == infinity);
  CHECK(parse("[-Infinity]").elements()[0].number() == -infinity);
  CHECK(parse("1e400").number() == infinity);
  CHECK(parse("-1e400").number() == -infinity);
  CHECK(parse("1e99999999999999999999").number() == infinity);
  CHECK(parse("0.0000001e500").number() == infinity);
  CHECK(parse("1" + std::string(400, '0')).number() == infinity);
  CHECK(parse("1" + std::string(400, '0') + ".5e-400").number() == 1.0);
  CHECK(parse("1e-400").number() == 0.0);
  CHECK(std::signbit(*parse("-1e-400").number()));
  CHECK(parse("1e-99999999999999999999").number() == 0.0);
  CHECK(parse("0.0e400").number() == 0.0);
  CHECK(parse("0." + std::string(400, '0') + "1").number() == 0.0);
  CHECK(parse("5e-324").number() == 5e-324);
  CHECK(parse("1.7976931348623157e308").number() == 1.7976931348623157e308);
  CHECK(parse("0.1").number() == 0.1);
}

TEST_CASE("of duplicate keys the last wins and all are members") {
  const Json json = parse(R"({"a": 1, "b": 2, "a": 3, "\u0061": 4})");
  CHECK(json["a"].integer() == 4);
  CHECK(json["b"].integer() == 2);
  CHECK(json.members().size() == 4);
  CHECK(json.members()[0].second.integer() == 1);
}

TEST_CASE("escapes and surrogates") {
  struct Row {
    std::string_view text, expected;
  };
  const Row rows[] = {
      {R"(["\"\\\/\b\f\n\r\t"])", "\"\\/\b\f\n\r\t"},
      {R"(["\u0041\u00e9\u20AC"])", "A\xC3\xA9\xE2\x82\xAC"},
      {R"(["\ud83d\ude00"])", "\xF0\x9F\x98\x80"},
      {R"(["\uDBFF\uDFFF"])", "\xF4\x8F\xBF\xBF"},
      {R"(["\ud83d"])", "\xEF\xBF\xBD"},
      {R"(["\ude00x"])", "\xEF\xBF\xBDx"},
      {R"(["\ud83dx"])", "\xEF\xBF\xBDx"},
      {R"(["\ud83d\n"])", "\xEF\xBF\xBD\n"},
      {R"(["\ud83d\u0041"])",
       "\xEF\xBF\xBD"
       "A"},
      {R"(["\ud83d\ud83d\ude00"])", "\xEF\xBF\xBD\xF0\x9F\x98\x80"},
      {R"(["\ud83d\\"])", "\xEF\xBF\xBD\\"},
      {"[\"\xF0\x9F\x98\x80\x7F\"]", "\xF0\x9F\x98\x80\x7F"},
      {R"(["a string of more than sixteen bytes with one \u0022 in it"])",
       "a string of more than sixteen bytes with one \" in it"},
      {R"([""])", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(parse(row.text).elements()[0].string() == row.expected);
    // The same as a key and as a whole document.
    const std::string_view literal = row.text.substr(1, row.text.size() - 2);
    CHECK(parse(cat("{", literal, ":1}")).members()[0].first == row.expected);
    CHECK(parse(literal).string() == row.expected);
  }
  CHECK(parse("[\"a\\u0000b\"]").elements()[0].string() == std::string_view("a\0b", 3));
}

TEST_CASE("what is no JSON for CPython is corrupt with the byte where it stops") {
  struct Row {
    std::string text;
    std::string_view part;
  };
  const Row rows[] = {
      {"", "byte 0: empty"},
      {" \n", "byte 0: empty"},
      {"\xEF\xBB\xBF{}", "byte 0: begins with a byte order mark"},
      {"{\"a\":1} x", "the brackets of the outermost value do not match"},
      {"{\"a\":1}}", "byte 7: something follows"},
      {"[1][2]", "byte 3: something follows"},
      {"[]{}", "do not match"},
      {std::string("[]\0", 3), "do not match"},
      {std::string("[1]\0]", 5), "something follows"},
      {"1 2", "byte 0: expected a value"},
      {"\"a\" \"b\"", "byte 3: something follows"},
      {"[1,2", "do not match"},
      {"[1,[2]", "byte 6: expected a comma"},
      {"{\"a\":{\"b\":1}", "expected a comma"},
      {"[", "do not match"},
      {"{", "do not match"},
      {"]", "byte 0: expected a value"},
      {"[1,]", "byte 3: expected a value"},
      {"[,1]", "byte 1: expected a value"},
      {"[1,,2]", "byte 3: expected a value"},
      {"[1 2]", "byte 3: expected a comma"},
      {"[1:2]", "expected a comma"},
      {"[\"a\":1]", "byte 4: expected a comma"},
      {"{\"a\"}", "expected a comma, a colon"},
      {"{\"a\":}", "byte 5: expected a value"},
      {"{\"a\",1}", "byte 4: expected a comma, a colon"},
      {"{\"a\":1,}", "a key"},
      {"{\"a\":1 \"b\":2}", "expected a comma"},
      {"{1:2}", "byte 1: expected a comma, a colon, a key"},
      {"{a:2}", "a key"},
      {"{'a':2}", "a key"},
      {"[}", "do not match"},
      {"[1}", "do not match"},
      {"{]}", "a key"},
      {"[{]", "a key"},
      {"[1}]", "byte 2: expected a comma"},
      {"{\"a\":[1}", "expected a comma"},
      {"[01]", "byte 1: expected a value"},
      {"[+1]", "byte 1: expected a value"},
      {"[1.]", "byte 1: expected a value"},
      {"[.5]", "byte 1: expected a value"},
      {"[1e]", "byte 1: expected a value"},
      {"[1e+]", "byte 1: expected a value"},
      {"[-]", "byte 1: expected a value"},
      {"[0x10]", "byte 1: expected a value"},
      {"[1_000]", "byte 1: expected a value"},
      {"[-NaN]", "byte 1: expected a value"},
      {"[+Infinity]", "byte 1: expected a value"},
      {"[nan]", "byte 1: expected a value"},
      {"[Infinit]", "byte 1: expected a value"},
      {"[tru]", "byte 1: expected a value"},
      {"[truee]", "byte 1: expected a value"},
      {"[True]", "byte 1: expected a value"},
      {"[nulll]", "byte 1: expected a value"},
      {"nul", "byte 0: expected a value"},
      {"[\"a]", "byte 4: a string without closing quote"},
      {"\"a", "a string without closing quote"},
      {"\"a\\\"", "a string without closing quote"},
      {"[\"\x01\"]", "byte 2: a control character"},
      {"[\"a\nb\"]", "byte 3: a control character"},
      {"[\"\t\"]", "byte 2: a control character"},
      {"[\"\\x41\"]", "byte 3: an unknown escape"},
      {"[\"\\u12\"]", "four hexadecimal digits"},
      {"[\"\\u12g4\"]", "four hexadecimal digits"},
      {"[\"\\u+123\"]", "four hexadecimal digits"},
      {"[\"\\ud83d\\u12\"]", "four hexadecimal digits"},
      {"{\"\\q\":1}", "byte 3: an unknown escape"},
      {"[\"\xFF\"]", "byte 2: not valid UTF-8"},
      {"[\"\xC0\x80\"]", "byte 2: not valid UTF-8"},
      {"[\"\xED\xA0\xBD\"]", "byte 2: not valid UTF-8"},
      {"[\"ab\xE2\x82\"]", "byte 4: not valid UTF-8"},
      {"\"\x80\"", "byte 1: not valid UTF-8"},
      {"[1]\xC2\xA0", "do not match"},
      {"[1,\f2]", "expected a value"},
      {"// x\n[1]", "byte 0: expected a value"},
      {"[1,/**/2]", "expected a value"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    expect_error([&] { parse(row.text); }, ErrorCode::corrupt, row.part);
    expect_error([&] { parse(row.text); }, ErrorCode::corrupt, "config.json: byte ");
  }
}

TEST_CASE("a thousand levels are read, one more is corrupt") {
  CHECK(parse(nested(1000, "[", "]")).is_array());
  CHECK(parse(nested(999, "{\"a\":", "}").replace(999 * 5, 0, "[]")).is_object());
  expect_error([] { parse(nested(1001, "[", "]")); }, ErrorCode::corrupt,
               "byte 1000: nested deeper than 1000 levels");
  expect_error([] { parse(nested(1'000'000, "[", "]")); }, ErrorCode::corrupt, "nested deeper");
  expect_error([] { parse(nested(1'000'000, "{\"a\":", "")); }, ErrorCode::corrupt, "");
}

TEST_CASE("the deepest tree is parsed, copied, written and freed on a stack of 128 KiB") {
  const auto work = [](void*) -> void* {
    for (const auto& [open, close] : {std::pair<std::string_view, std::string_view>{"[", "]"},
                                      {"{\"a\":", "}"},
                                      {"[[1],{\"k\":2},", ",[3,[4]]]"}}) {
      std::string text;
      for (int i = 0; i < 997; ++i) text += open;
      text += "[1,2]";
      for (int i = 0; i < 997; ++i) text += close;
      const Json json = parse(text);
      Json copy = json;
      const Json moved = std::move(copy);
      copy = moved;
      if (copy.dump() != text) return const_cast<char*>("another text");
    }
    return nullptr;
  };
  pthread_attr_t attributes;
  REQUIRE(pthread_attr_init(&attributes) == 0);
  REQUIRE(pthread_attr_setstacksize(&attributes, 128 << 10) == 0);
  pthread_t thread;
  REQUIRE(pthread_create(&thread, &attributes, work, nullptr) == 0);
  void* problem = nullptr;
  CHECK(pthread_join(thread, &problem) == 0);
  CHECK(problem == nullptr);
  pthread_attr_destroy(&attributes);
}

TEST_CASE("dump is the compact text, and reading it gives the same tree") {
  const std::string text =
      R"({"a":[1,-0.5e3,1e400,NaN,-Infinity,1000000000000000019884624838656],"b":{},"c":[],)"
      R"("d":[true,false,null],"q\"\\":"\u0000\u001f\b\f\n\r\té😀","a":{"x":[[]]}})";
  CHECK(parse(text).dump() == text);
  CHECK(parse(cat(" ", text, "\n")).dump() == text);
}

TEST_CASE("values are made as CPython would write them") {
  CHECK(Json().dump() == "null");
  CHECK(Json::make(true).dump() == "true");
  CHECK(Json::make(int64_t{-7}).dump() == "-7");
  CHECK(Json::make(1.0).dump() == "1.0");
  CHECK(Json::make(0.1).dump() == "0.1");
  CHECK(Json::make(1e22).dump() == "1e+22");
  CHECK(Json::make(-std::numeric_limits<double>::infinity()).dump() == "-Infinity");
  CHECK(Json::make(std::numeric_limits<double>::quiet_NaN()).dump() == "NaN");
  CHECK(Json::make(std::string_view("a\"b")).dump() == "\"a\\\"b\"");
  const Json made = Json::object({{"k", Json::array({Json::make(int64_t{1}), Json()})},
                                  {"l", Json::make(std::string_view("x"))}});
  CHECK(made.dump() == R"({"k":[1,null],"l":"x"})");
  CHECK(made["k"].elements()[0].integer() == 1);
}

TEST_CASE("a copy stands for itself") {
  Json json = parse(R"({"a":[1,{"b":"a long enough string to live on the heap"}]})");
  const Json copy = json;
  json = parse("[]");
  CHECK(copy["a"].elements()[1]["b"].string() == "a long enough string to live on the heap");
  Json self = copy;
  const Json& alias = self;
  self = alias;
  CHECK(self.dump() == copy.dump());
}

TEST_CASE("json_quote writes invalid UTF-8 as U+FFFD") {
  CHECK(json_quote("a\xFFz\xE2\x82") == "\"a\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD\"");
  CHECK(json_quote(std::string_view("\0\x7F", 2)) == "\"\\u0000\x7F\"");
}

TEST_CASE("any allocation of parsing may fail and nothing is lost") {
  // Containers in containers, many values, and strings that are not kept as they are.
  std::string text =
      R"({"a":[1,{"b":"a long enough string to live on the heap"}],"a longer key than sixteen":[[]],)"
      R"("escaped":")" +
      std::string(200, 'x') + R"(\\","deep":)" + nested(40, "[", "]") + ",\"many\":[0";
  for (int i = 1; i < 100; ++i) text += cat(",", i);
  text += "]}";
  for (const bool onwards : {false, true}) {
    size_t k = 1, thrown = 0;
    for (bool failed = true; failed; ++k) {
      REQUIRE(k < 1000);
      bool threw = false, same = false;
      const size_t live = live_bytes();
      {
        std::optional<Json> copy;
        {
          const FailAllocation failing(k, onwards);
          try {
            copy.emplace(parse(text));
          } catch (const std::bad_alloc&) {
            threw = true;
          }
          failed = failing.hit();
        }
        same = copy && copy->dump() == text;
      }
      CHECK(live_bytes() == live);
      // simdjson tries for a buffer that nothing here needs, and may go without.
      CHECK(threw != same);
      thrown += threw;
    }
    CHECK(thrown > 10);
    CHECK(parse(text).dump() == text);
  }
}

TEST_CASE("the configurations of real repositories are read") {
  const std::filesystem::path root = TERN_SHARED_DATA;
  if (!std::filesystem::exists(root)) {
    MESSAGE("skipped: no shared data at " << root.string());
    return;
  }
  size_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.path().extension() != ".json") continue;
    CAPTURE(entry.path().string());
    const Json json = Json::parse(slurp(entry.path()), entry.path().string());
    CHECK(json.kind() >= Json::Kind::array);
    CHECK(parse(json.dump()).dump() == json.dump());
    ++count;
  }
  CHECK(count > 100);
}
