// SPDX-License-Identifier: Apache-2.0
// JSON schemas as grammars: which JSON each has, and what is refused.
#include "../../models/generate/grammar/json_schema.h"

#include <doctest/doctest.h>

#include "../../engine/base/format.h"
#include "../../models/generate/grammar/automaton.h"
#include "golden.h"
#include "grammar_texts.h"
#include "text/cases.h"

using namespace tern;
using grammar::Automaton;
using grammar::Grammar;
using hub::Json;
using test::accepts;
using test::check_texts;

namespace {

Automaton automaton_of(std::string_view schema) {
  return Automaton(
      Grammar::parse(grammar::of_json_schema(Json::parse(schema, "schema")), "json_schema"));
}

struct Table {
  const char* schema;
  std::vector<const char*> accepted, rejected;
};

const Table kTables[] = {
    {"{}",
     {"{}", "[]", "\"\"", "0", "-1.5e+3", "true", "null", R"({"a":[1,{"b":null}],"c":""})",
      "{\n  \"a\": 1,\n  \"b\": [\n    2\n  ]\n}", R"("\u00e9\n\"\\\/é😀")"},
     {"", "{", "[1,]", "{\"a\"}", "01", "+1", ".5", "1.", "tru", "'a'", "\"\n\"", R"("\x")",
      R"("\ud800")", "[1  ,2]", "{}{}", " {}", "{} ", "nan"}},
    {"true", {"{}", "1"}, {""}},
    {R"({"type":"boolean"})", {"true", "false"}, {"null", "1"}},
    {R"({"type":["string","null"]})", {"\"x\"", "null"}, {"1", "{}"}},
    {R"({"type":"integer"})",
     {"0", "-7", "1234567890123456"},
     {"1.0", "01", "-", "12345678901234567"}},
    {R"({"type":"number"})", {"0", "-7", "0.5", "1e5", "1.25E-3"}, {"1.", "e5", "0x1", "--1"}},
    {R"({"type":"integer","minimum":0})", {"0", "9", "100"}, {"-1", "-0", "00"}},
    {R"({"type":"integer","exclusiveMinimum":0,"maximum":120})",
     {"1", "120", "99"},
     {"0", "121", "200", "1000"}},
    {R"({"type":"integer","minimum":-0.5,"exclusiveMaximum":2.5})", {"0", "1", "2"}, {"-1", "3"}},
    {R"({"type":"integer","minimum":3,"maximum":3})", {"3"}, {"2", "4", "33"}},
    {R"({"minimum":1,"type":["integer","null"]})", {"1", "null"}, {"0"}},
    {R"({"type":"number","minimum":0})",
     {"0", "0.0", "0.5", "17", "9999999999999998.5"},
     {"-0", "-1", "1e3", "1."}},
    {R"({"type":"number","exclusiveMinimum":0,"maximum":1})",
     {"0.5", "0.01", "1", "1.0"},
     {"0", "0.0", "1.1", "2"}},
    {R"({"type":"number","minimum":-2,"exclusiveMaximum":3})",
     {"-2", "-2.0", "-1.99", "-0.5", "-0", "0", "2.999"},
     {"-2.1", "3", "3.0", "-3"}},
    {R"({"type":"number","exclusiveMinimum":-3,"exclusiveMaximum":-1})",
     {"-2.99", "-1.01", "-2", "-2.5"},
     {"-3", "-1", "-1.0", "-0.5", "1", "-3.0"}},
    {R"({"type":"number","minimum":5,"maximum":5})", {"5", "5.0"}, {"5.1", "4.9"}},
    {R"({"type":"number","maximum":0})", {"0", "-0", "0.0", "-0.5", "-7"}, {"0.5", "1"}},
    {R"({"minimum":1})", {"1", "1.5"}, {"0.5", "\"\""}},
    {R"({"type":"string","minLength":2,"maxLength":3})",
     {"\"ab\"", "\"é€😀\"", R"("\n\u0041")"},
     {"\"a\"", "\"abcd\"", "\"\""}},
    {R"({"type":"string","maxLength":1})", {"\"\"", "\"a\""}, {"\"ab\""}},
    {R"({"type":"string","format":"date"})",
     {"\"2024-02-28\"", "\"1999-12-31\"", "\"2001-04-30\""},
     {"\"2024-13-01\"", "\"2001-04-31\"", "\"2001-02-30\"", "\"2001-1-1\"", "2001-01-01"}},
    {R"({"type":"string","format":"date-time"})",
     {"\"2024-02-28T23:59:59Z\"", "\"2024-02-28T00:00:00.125+02:00\""},
     {"\"2024-02-28\"", "\"2024-02-28T24:00:00Z\"", "\"2024-02-28T23:59:59\""}},
    {R"({"type":"string","format":"time"})",
     {"\"12:30:00-05:30\""},
     {"\"12:60:00Z\"", "\"12:30\""}},
    {R"({"format":"uuid"})",
     {"\"123e4567-e89b-12d3-a456-426614174000\""},
     {"\"123e4567e89b12d3a456426614174000\""}},
    {R"({"enum":["a\"b",1,null,{"k":[1,2]},"é\n"]})",
     {R"("a\"b")", "1", "null", R"({"k":[1,2]})", "\"é\\n\""},
     {"\"a\"", "2", "{}"}},
    {R"({"enum":["a",1],"type":"integer"})", {"1"}, {"\"a\""}},
    {R"({"const":"x","title":"X"})", {"\"x\""}, {"\"y\""}},
    {R"({"properties":{"a":{"type":"integer"},"b":{"type":"string"},"c":{}},"required":["b"]})",
     {R"({"b":""})", R"({"a":1,"b":"x"})", R"({ "a": 1, "b": "x", "c": [] })", R"({"b":"","c":1})"},
     {"{}", R"({"a":1})", R"({"b":"x","a":1})", R"({"a":1,"b":"x",})", R"({"b":1})",
      R"({"b":"","d":1})", R"({,"b":""})"}},
    {R"({"type":"object","properties":{"a":{"const":1},"b":{"const":2}}})",
     {"{}", R"({"a":1})", R"({"b":2})", R"({"a":1,"b":2})", "{ }"},
     {R"({"a":1,})", R"({"a":1 "b":2})", R"({"b":2,"a":1})"}},
    {R"({"type":"object","properties":{},"additionalProperties":false})",
     {"{}", "{ }"},
     {R"({"a":1})"}},
    {R"({"type":"object"})", {"{}", R"({"x":[]})"}, {"[]"}},
    {R"({"type":"object","required":["z"]})",
     {R"({"z":1})", R"({"z":1,"y":2})"},
     {"{}", R"({"y":2})"}},
    {R"({"type":"object","additionalProperties":{"type":"integer"}})",
     {"{}", R"({"x":1,"\u0041":2})"},
     {R"({"x":"1"})"}},
    {R"({"properties":{"ab":{"const":1},"é":{"const":2}},"additionalProperties":{"type":"null"}})",
     {"{}", R"({"ab":1,"é":2,"x":null,"a":null})", R"({"abc":null})", R"({"":null,"ë":null})",
      R"({"é":2,"b":null})"},
     {R"({"ab":null})", R"({"x":null,"ab":null})", R"({"é":null})", R"({"x":1})",
      R"({"\u0061b":null})"}},
    {R"({"properties":{"a\"\\b\n":{"const":1}},"required":["a\"\\b\n"]})",
     {R"({"a\"\\b\n":1})"},
     {R"({"ab":1})"}},
    {R"({"type":"array"})", {"[]", "[1,\"x\",[]]", "[ 1 , 2 ]", "[\n 1\n]"}, {"{}", "[1 2]"}},
    {R"({"items":{"type":"boolean"},"minItems":1,"maxItems":2})",
     {"[true]", "[true,false]"},
     {"[]", "[true,true,true]", "[1]"}},
    {R"({"type":"array","items":{"const":1},"maxItems":0})", {"[]", "[ ]"}, {"[1]"}},
    {R"({"type":"array","items":{"const":1},"minItems":3})",
     {"[1,1,1]", "[1,1,1,1]"},
     {"[1,1]", "[]"}},
    {R"({"prefixItems":[{"const":1},{"const":2}]})",
     {"[1,2]", "[1, 2]"},
     {"[2,1]", "[1,2,3]", "[]"}},
    {R"({"prefixItems":[{"const":1}],"items":{"const":2},"maxItems":3})",
     {"[1]", "[1,2]", "[1,2,2]"},
     {"[2]", "[1,2,2,2]"}},
    {R"({"prefixItems":[{"const":1}],"minItems":2})", {"[1,null]", "[1,2,3]"}, {"[1]"}},
    {R"({"prefixItems":[{"const":1},{"const":2}],"items":false})", {"[1,2]"}, {"[1,2,3]"}},
    {R"({"items":[{"const":1}],"additionalItems":{"const":2}})", {"[1]", "[1,2]"}, {"[1,1]"}},
    {R"({"anyOf":[{"type":"integer"},{"type":"string"}]})", {"1", "\"\""}, {"null"}},
    {R"({"oneOf":[{"const":1},{"const":2}]})", {"1", "2"}, {"3"}},
    {R"({"type":"object","properties":{"a":{"const":1},"b":{"const":2}},
         "anyOf":[{"required":["a"]},{"required":["b"]}]})",
     {R"({"a":1})", R"({"b":2})", R"({"a":1,"b":2})"},
     {"{}"}},
    {R"({"allOf":[{"properties":{"a":{"type":"number"}}},
                  {"properties":{"a":{"minimum":5,"type":"integer"},"b":{"const":1}},"required":["a"]}]})",
     {R"({"a":5})", R"({"a":6,"b":1})"},
     {R"({"a":4})", "{}", R"({"b":1})"}},
    {R"({"allOf":[{"type":"string","minLength":1},{"minLength":2,"maxLength":3}],"maxLength":2})",
     {"\"ab\""},
     {"\"a\"", "\"abc\""}},
    {R"({"$ref":"#/$defs/n","$defs":{"n":{"properties":{"v":{"const":1},"next":{"$ref":"#/$defs/n"}},
         "required":["v"]}}})",
     {R"({"v":1})", R"({"v":1,"next":{"v":1,"next":{"v":1}}})"},
     {R"({"next":{"v":1}})"}},
    {R"({"type":"array","items":{"$ref":"#"}})", {"[]", "[[],[[]]]"}, {"[1]"}},
    {R"({"definitions":{"a/b~c d":{"const":7}},"$ref":"#/definitions/a~1b~0c%20d"})", {"7"}, {"8"}},
    {R"({"anyOf":[{"$ref":"#/$defs/a"},{"type":"null"}],"$defs":{"a":{"allOf":[{"$ref":"#/$defs/b"}]},
         "b":{"const":1}}})",
     {"1", "null"},
     {"2"}},
    {R"({"title":"t","description":"d","default":1,"examples":[1],"$schema":"s","$comment":"c",
         "x-order":3,"uniqueItems":false,"type":"array","items":{"type":"null"}})",
     {"[null]"},
     {"null"}},
};

}  // namespace

TEST_CASE("a JSON schema's grammar has JSON that satisfies it") {
  for (const Table& table : kTables) {
    CAPTURE(std::string(table.schema));
    Automaton automaton = automaton_of(table.schema);
    check_texts(automaton, table);
  }
}

TEST_CASE("integers have the bounds of their schema, for all pairs of bounds") {
  const auto check = [](int64_t low, int64_t high, int64_t from, int64_t to) {
    Automaton automaton =
        automaton_of(cat(R"({"type":"integer","minimum":)", low, R"(,"maximum":)", high, "}"));
    size_t wrong = 0;
    for (int64_t x = from; x <= to; ++x)
      wrong += accepts(automaton, cat(x)) != (x >= low && x <= high);
    CAPTURE(low);
    CAPTURE(high);
    CHECK(wrong == 0);
  };
  for (int64_t low = -12; low <= 12; ++low) {
    for (int64_t high = low; high <= 12; ++high) check(low, high, -130, 130);
  }
  golden::Rng rng{7};
  for (int i = 0; i < 100; ++i) {
    const int64_t a = rng.below(30000) - 15000, b = rng.below(30000) - 15000;
    check(std::min(a, b), std::max(a, b), -16000, 16000);
  }
  constexpr int64_t kMost = 1'000'000'000'000'000'000;
  check(kMost - 3, kMost, kMost - 10, kMost + 10);
  check(-kMost, 3 - kMost, -kMost - 10, 10 - kMost);
  check(-kMost, kMost, -1000, 1000);
}

TEST_CASE("what a schema demands and a grammar cannot is refused by keyword and place") {
  struct Row {
    std::string schema;
    ErrorCode code;
    const char* message;
  };
  constexpr ErrorCode kUnsupported = ErrorCode::unsupported, kInvalid = ErrorCode::invalid_argument;
  const Row rows[] = {
      {R"({"properties":{"a/b":{"type":"string","contentSchema":{}}}})", kUnsupported,
       "json_schema: #/properties/a~1b: 'contentSchema' is not supported"},
      {R"({"not":{}})", kUnsupported, "#: 'not'"},
      {R"({"if":{}})", kUnsupported, "#: 'if'"},
      {R"({"items":{"multipleOf":2}})", kUnsupported, "#/items: 'multipleOf'"},
      {R"({"type":"number","minimum":0.5})", kUnsupported, "#: 'minimum with a fraction'"},
      {R"({"type":"number","exclusiveMinimum":1,"maximum":1})", kInvalid, "no number lies between"},
      {R"({"type":"number","minimum":2,"maximum":1})", kInvalid, "no number lies between"},
      {R"({"pattern":1})", kInvalid, "'pattern' must be a text"},
      {R"({"pattern":"a","maxLength":3})", kUnsupported, "'pattern beside a length"},
      {R"({"type":"array","uniqueItems":true})", kUnsupported, "#: 'uniqueItems'"},
      {R"({"type":"array","contains":{}})", kUnsupported, "#: 'contains'"},
      {R"({"patternProperties":{}})", kUnsupported, "#: 'patternProperties'"},
      {R"({"minProperties":1})", kUnsupported, "#: 'minProperties'"},
      {R"({"type":"string","format":"email"})", kUnsupported, "#: 'format email'"},
      {R"({"type":"string","format":"date","minLength":1})", kUnsupported,
       "'format beside a length'"},
      {R"({"maximun":1})", kUnsupported, "#: 'maximun'"},
      {R"({"$ref":"http://x/y"})", kUnsupported, "'$ref http://x/y'"},
      {R"({"$ref":"#/$defs/a","minimum":1,"$defs":{"a":{}}})", kUnsupported,
       "'minimum beside $ref'"},
      {R"({"const":1,"minimum":1})", kUnsupported, "'minimum beside const'"},
      {R"({"allOf":[{"properties":{"a":{}},"additionalProperties":false},{"properties":{"b":{}}}]})",
       kUnsupported, "'additionalProperties' of two schemas"},
      {R"({"allOf":[{"format":"date"},{"format":"time"}]})", kUnsupported,
       "'format' of two schemas"},
      {R"({"anyOf":[{"const":1}],"oneOf":[{"const":1}],"allOf":[{"anyOf":[{"const":2}]}]})",
       kUnsupported, "'anyOf' of two schemas"},
      {"1", kInvalid, "#: expected a schema"},
      {"false", kInvalid, "#: expected a schema"},
      {"[]", kInvalid, "#: expected a schema"},
      {R"({"items":3})", kInvalid, "#/items: expected a schema"},
      {R"({"type":"text"})", kInvalid,
       "expected a type: object, array, string, integer, number, boolean or "
       "null, found 'text'"},
      {R"({"type":3})", kInvalid, "expected a type"},
      {R"({"type":[]})", kInvalid, "no type is allowed"},
      {R"({"allOf":[{"type":"string"},{"type":"integer"}]})", kInvalid, "no type is allowed"},
      {R"({"enum":[]})", kInvalid, "'enum' has no value"},
      {R"({"enum":["a"],"type":"integer"})", kInvalid, "'enum' has no value of the type"},
      {R"({"anyOf":[]})", kInvalid, "'anyOf' must be a list of schemas"},
      {R"({"allOf":{}})", kInvalid, "'allOf' must be a list of schemas"},
      {R"({"properties":[]})", kInvalid, "'properties' must be an object"},
      {R"({"required":"a"})", kInvalid, "'required' must be a list of names"},
      {R"({"required":["a"],"additionalProperties":false})", kInvalid,
       "'a' is required and not allowed"},
      {R"({"minItems":3,"maxItems":2})", kInvalid, "'minItems' is greater than 'maxItems'"},
      {R"({"minItems":3,"items":false})", kInvalid, "'minItems' is more than there may be"},
      {R"({"minLength":3,"maxLength":2})", kInvalid, "'minLength' is greater than 'maxLength'"},
      {R"({"minLength":-1})", kInvalid, "'minLength' must be a whole number"},
      {R"({"type":"integer","minimum":2,"maximum":1})", kInvalid, "no integer lies between"},
      {R"({"type":"integer","minimum":1e19})", kInvalid, "at most 10^18 away from 0"},
      {R"({"type":"integer","minimum":NaN})", kInvalid, "at most 10^18 away from 0"},
      {R"({"$ref":"#/$defs/none"})", kInvalid, "leads to #/$defs/none, which is not in the schema"},
      {R"({"$ref":3})", kInvalid, "'$ref' must be a text"},
      {R"({"$ref":"#"})", kInvalid, "'$ref' leads to itself"},
      {R"({"anyOf":[{"$ref":"#"}]})", kInvalid, "left recursion"},
      {R"({"allOf":[{"$ref":"#"}]})", kInvalid, "too"},
      {R"({"type":"object","anyOf":[{"$ref":"#"}]})", kInvalid, ""},
      {R"({"minItems":2147483648})", kInvalid, "at most 65536 repetitions"},
      {R"({"minLength":9223372036854775807})", kInvalid, "at most 65536 repetitions"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.schema);
    const auto thrown = golden::error_of([&] { automaton_of(row.schema); });
    CAPTURE(thrown.second);
    CHECK(thrown.first == row.code);
    CHECK(thrown.second.find(row.message) != std::string::npos);
  }
}

TEST_CASE("a pattern's texts match it, and what is not understood of one is refused") {
  const Table tables[] = {
      {"^[A-Z]{2,3}-\\d+$",
       {R"("AB-1")", R"("ABC-123")"},
       {R"("A-1")", R"("AB-")", "AB-1", R"("xAB-1")"}},
      {"^(?:a|b(c)?)*?x?$|^é\\.\\u0041$",
       {R"("")", R"("abcbx")", R"("é.A")"},
       {R"("c")", R"("éxA")"}},
      {"\"\\\\\\n\\/", {R"("\"\\\n/")"}, {R"("\"\\n/")"}},
      {"^[^a\\d]\\w\\s\\W.[\\w.-]$",
       {R"("b_ -x.")", R"("x9  é-")"},
       {R"("a_ -x.")", R"("1_ -x.")", R"("b_ ax.")", R"("é_ -x.")", R"("b_ éx.")"}},
      {"^[\\x20-~]+$", {R"("a !#")"}, {R"(""")", R"("\")", R"("é")"}},
      {"a+?\\D{1,2}", {R"("ab")", R"("aabc")"}, {R"("b")", R"("a1")", R"("abcd")"}},
      {"", {R"("")"}, {R"("a")"}},
  };
  for (const Table& table : tables) {
    const std::string pattern = table.schema;
    CAPTURE(pattern);
    Automaton automaton = automaton_of(cat("{\"pattern\":", hub::json_quote(pattern), "}"));
    check_texts(automaton, table);
  }
  const std::pair<const char*, const char*> refused[] = {
      {"(?=x)", "'pattern with '(?'' is not supported"},
      {"\\bword", "'pattern with \\b'"},
      {"(a)\\1", "'pattern with \\1'"},
      {"\\p{L}", "'pattern with \\p'"},
      {"(a", "a '(' without its ')'"},
      {"a)", "a ')' without its '('"},
      {"[a", "a '[' without its ']'"},
      {"[a-", "a '[' without its ']'"},
      {"[\\", "'pattern with \\'"},
      {"[b-a]", "a range whose end comes first"},
      {"[\"]", "a class of what JSON escapes"},
      {"[\\S]", "'pattern with \\S'"},
      {"a**", "something to repeat is missing"},
      {"+", "something to repeat is missing"},
      {"a{,3}", "'{'"},
      {"a{3", "'{'"},
      {"a{3,2}", "the less first"},
      {"a{99999999}", "at most 65536 repetitions"},
      {"a^b", "'^' inside"},
      {"(a$)", "'$' inside"},
      {"\\", "'pattern with \\'"},
      {"\\ud800", "a surrogate"},
      {"\\x4", "a hexadecimal number"},
  };
  for (const auto& row : refused) {
    const std::string_view pattern = row.first;
    CAPTURE(pattern);
    const auto thrown = golden::error_of(
        [&] { automaton_of(cat("{\"pattern\":", hub::json_quote(pattern), "}")); });
    CAPTURE(thrown.second);
    CHECK((thrown.first == ErrorCode::unsupported || thrown.first == ErrorCode::invalid_argument));
    CHECK(thrown.second.find(row.second) != std::string::npos);
  }
}

TEST_CASE("large and deep schemas are an Error or work, on a small stack") {
  using test::repeated;
  std::string wide = "{\"properties\":{", refs = "{\"$ref\":\"#/$defs/r0\",\"$defs\":{";
  for (int i = 0; i < 5000; ++i) {
    wide += cat(i == 0 ? "" : ",", "\"name", i, "\":{\"type\":\"integer\"}");
    refs += cat(i == 0 ? "" : ",", "\"r", i,
                "\":", i == 4999 ? "{}" : cat("{\"$ref\":\"#/$defs/r", i + 1, "\"}"));
  }
  const std::pair<std::string, bool> rows[] = {
      {repeated("{\"items\":", 999) + "{}" + repeated("}", 999), true},
      {repeated("{\"properties\":{\"a\":", 499) + "{}" + repeated("}}", 499), true},
      {repeated("{\"anyOf\":[", 499) + "{}" + repeated("]}", 499), true},
      {repeated("{\"allOf\":[", 499) + "{}" + repeated("]}", 499), false},
      {repeated("{\"type\":\"object\",\"anyOf\":[", 499) + "{}" + repeated("]}", 499), true},
      {wide + "}}", true},
      {"{\"allOf\":[" + wide + "}}," + wide + "}}]}", true},
      {"{\"properties\":{\"" + repeated("x", 100000) + "\":" + wide + "}}}}", false},
      {"{\"const\":\"" + repeated("x", 1 << 20) + "\"}", false},
      {wide + "},\"additionalProperties\":true}", true},
      {refs + "}}", false},
      {"{\"type\":\"string\",\"maxLength\":2147483648}", true},
      {"{\"type\":\"array\",\"maxItems\":9223372036854775807}", true},
      {"{\"enum\":[" + repeated(cat("\"", repeated("x", 1000), "\","), 5000) + "1]}", false},
  };
  test::with_stack(test::kInstrumented ? 1 << 20 : 128 << 10, [&] {
    for (const auto& row : rows) {
      const std::string& schema = row.first;
      CAPTURE(schema.substr(0, 60));
      const auto thrown = golden::error_of([&] {
        Automaton automaton = automaton_of(schema);
        automaton.next(automaton.start(), '{');
      });
      CAPTURE(thrown.second);
      CHECK((thrown.second == "nothing was thrown") == row.second);
      if (!row.second) CHECK(thrown.first == ErrorCode::invalid_argument);
    }
  });
}
