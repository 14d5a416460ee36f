// SPDX-License-Identifier: Apache-2.0
// Where the values of a Json tree lie: what is large, what outlives its tree, and texts that are
// kept as they lie in the file.
#include "../../../hub/formats/json_memory.h"

#include <doctest/doctest.h>

#include "../../../engine/base/format.h"
#include "../../../hub/formats/json_text.h"
#include "../../allocations.h"
#include "../expect_error.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;

namespace {

Json parse(std::string_view text) {
  return Json::parse(text, "tokenizer.json");
}

}  // namespace

TEST_CASE("containers of any size keep their values between others") {
  for (const size_t count : {0u, 1u, 15u, 16u, 17u, 4095u, 4096u, 4097u, 20'000u}) {
    CAPTURE(count);
    std::string words = "\"vocab\":{", merges = "\"merges\":[", pairs = "\"pairs\":[";
    for (size_t i = 0; i < count; ++i) {
      const std::string_view comma = i == 0 ? "" : ",";
      words += cat(comma, "\"t\\\"", i, "\":", i);
      merges += cat(comma, "\"left", i, " right\"");
      pairs += cat(comma, "[\"l\",{\"r\":[", i, "]}]");
    }
    const std::string text = cat(R"({"head":[1,[2,"x"],{"y":3}],"model":{"type":"BPE",)", words,
                                 "},", merges, "],", pairs, R"(],"after":[4,[5]]},"tail":[6]})");
    const Json json = parse(text);
    CHECK(json.dump() == text);
    CHECK(json["model"]["vocab"].members().size() == count);
    CHECK(json["model"]["merges"].elements().size() == count);
    const Json copy = json["model"];
    CHECK(cat(R"({"head":[1,[2,"x"],{"y":3}],"model":)", copy.dump(), R"(,"tail":[6]})") == text);
  }
}

TEST_CASE("a large container below others on the stack is moved with them") {
  std::string text = "[";
  for (int i = 0; i < 6000; ++i) text += cat(i, ",");
  text += "[";
  for (int i = 0; i < 5000; ++i) text += cat("\"", i, "\",");
  text += "[],[7]],8]";
  CHECK(parse(text).dump() == text);
}

TEST_CASE("a tree of large trees frees all that they had") {
  std::string numbers = "[0";
  for (int i = 1; i < 5000; ++i) numbers += cat(",", i);
  numbers += "]";
  const std::string text = cat(R"({"a":)", numbers, R"(,"b":[)", numbers, R"(,"\n"],"c":{}})");
  const size_t live = live_bytes();
  {
    std::vector<Json> inner, outer;
    for (int i = 0; i < 2; ++i) inner.push_back(parse(text));
    outer.push_back(Json::array(std::move(inner)));
    outer.push_back(parse(text));
    const Json whole = Json::array(std::move(outer));
    CHECK(whole.dump() == cat("[[", text, ",", text, "],", text, "]"));
  }
  CHECK(live_bytes() == live);
}

TEST_CASE("a part of a tree stands for itself when it is copied") {
  Json part, number, text;
  {
    const Json whole = parse(R"({"a":[1,{"b":"text"},[true,null]],"n":1e400,"s":"a \" b"})");
    part = whole["a"];
    number = whole["n"];
    text = whole["s"];
  }
  CHECK(part.dump() == R"([1,{"b":"text"},[true,null]])");
  CHECK(number.number_text() == "1e400");
  CHECK(text.string() == "a \" b");
}

TEST_CASE("a file that is one plain value is copied, moved and built of as any other") {
  for (const char* written : {"null", "true", "false", "17", "\"a\"", "[]", "{}"}) {
    CAPTURE(written);
    const Json parsed = parse(written);
    Json copy = parsed;
    const Json second = copy, moved = std::move(copy);
    copy = parsed;
    const Json built = Json::array({parsed, Json::object({{"a", copy}}), second});
    for (const std::string& text : {parsed.dump(), copy.dump(), second.dump(), moved.dump()}) {
      CHECK(text == written);
    }
    CHECK(built.dump() == cat("[", written, ",{\"a\":", written, "},", written, "]"));
  }
}

TEST_CASE("views of a tree stay where they are when it moves") {
  Json first = parse(R"({"name":["value"]})");
  const std::string_view name = first.members()[0].first;
  const Json& value = first["name"].elements()[0];
  const Json second = std::move(first);
  CHECK(first.is_null());
  CHECK(second.members()[0].first.data() == name.data());
  CHECK(&second["name"].elements()[0] == &value);
  CHECK(value.string() == "value");
}

TEST_CASE("built values take over what they are built of") {
  std::vector<Json> parts;
  parts.push_back(parse(R"({"k":[1,2]})"));
  parts.push_back(Json());
  parts.push_back(Json::make(std::string_view("")));
  parts.push_back(Json::make(true));
  parts.push_back(Json::array({Json::make(int64_t{3}), Json::object({})}));
  const Json kept = parts[0];
  Json built = Json::object({{"", Json::array(std::move(parts))}, {"again", kept}});
  CHECK(built.dump() == R"({"":[{"k":[1,2]},null,"",true,[3,{}]],"again":{"k":[1,2]}})");
  // Deeper and deeper, as no file may be.
  for (int i = 0; i < 5000; ++i) built = Json::array({std::move(built), Json::make(int64_t{i})});
  CHECK(built.elements()[1].integer() == 4999);
  const Json copy = built;
  CHECK(copy.dump() == built.dump());
}

TEST_CASE("a plain string ends at the first quote, backslash or control character") {
  // Around them bytes that differ from them by one, or by the high bit.
  for (const std::string_view around : {"abcdefgh", "#!][ \x7F", "\xA2\xDC\x9F\xC2\x80\xFF"}) {
    for (size_t before = 0; before < 20; ++before) {
      std::string text;
      for (size_t i = 0; i < before; ++i) text += around[i % around.size()];
      for (const char stop : {'"', '\\', '\x1F', '\0', '\n'}) {
        for (size_t after = 0; after < 12; ++after) {
          std::string all = text + stop;
          for (size_t i = 0; i < after; ++i) all += around[i % around.size()];
          const char *begin = all.data(), *end = begin + all.size();
          CAPTURE(all);
          const std::string_view plain = plain_string(begin, end);
          if (stop == '"') {
            CHECK(plain.data() == begin);
            CHECK(plain == text);
          } else {
            CHECK(plain.data() == nullptr);
          }
          if (stop == '\\') continue;
          std::string out;
          const DecodedString decoded = decode_string(begin, end, LoneSurrogate::replace, out);
          CHECK(decoded.at == begin + before + (stop == '"'));
          CHECK((decoded.problem == nullptr) == (stop == '"'));
          CHECK(out == text);
        }
      }
      CHECK(plain_string(text.data(), text.data() + text.size()).data() == nullptr);
    }
  }
}

TEST_CASE("the indented text of any nesting is a small multiple of the text") {
  std::string text(900, '[');
  for (int i = 0; i < 10'000; ++i) text += i == 0 ? "1" : ",1";
  text.append(900, ']');
  const Json json = Json::parse(text, "nested");
  const std::string indented = json_indented(json);
  CHECK(indented.size() < 40 * text.size());
  CHECK(Json::parse(indented, "indented").dump() == text);
}
