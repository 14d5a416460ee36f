// SPDX-License-Identifier: Apache-2.0
// Regular expressions: cases recorded from the reference (tests/data/text/make_cases.py), errors
// and limits.
#include "../../../models/text/regex/regex.h"

#include <doctest/doctest.h>

#include <thread>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../../../models/text/unicode/utf8.h"
#include "../../needs.h"
#include "cases.h"

using namespace tern;
using namespace tern::test;
using namespace tern::text;
using hub::Json;

namespace {

/// The pieces that the matches cut a text into, as JSON; none is empty.
std::string pieces(const Regex& regex, std::string_view text) {
  std::vector<Regex::Match> matches;
  regex.find_all(text, matches);
  matches.push_back({text.size(), text.size()});
  std::string out = "[";
  size_t at = 0;
  const auto add = [&](size_t begin, size_t end) {
    if (begin < end) out += cat(out.size() > 1 ? "," : "", "[", begin, ",", end, "]");
  };
  for (const Regex::Match& m : matches) {
    add(at, m.begin);
    add(m.begin, m.end);
    at = m.end;
  }
  return out + "]";
}

ErrorCode code_of(std::string_view pattern, std::string_view text = "",
                  Execution execution = Execution::native) {
  try {
    std::vector<Regex::Match> matches;
    Regex::compile_matcher(pattern, "test", execution)->find_all(text, matches);
  } catch (const Error& e) {
    CHECK(std::string_view(e.what()).starts_with("test: "));
    return e.code();
  }
  return ErrorCode{};
}

void check_recorded(Execution execution) {
  size_t count = 0;
  std::string last;
  std::unique_ptr<const Regex> regex;
  for (const std::string& line : lines(read_maybe_xz(TERN_TEST_DATA "/text/regex.jsonl"))) {
    const Json json = Json::parse(line, "case");
    const std::string pattern(*json["pattern"].string());
    CAPTURE(pattern);
    ++count;
    if (json.contains("error")) {
      CHECK(code_of(pattern, "", execution) == ErrorCode::corrupt);
      continue;
    }
    CAPTURE(line);
    if (pattern != last) {
      regex = execution == Execution::native ? Regex::compile(pattern, "test")
                                             : Regex::compile_matcher(pattern, "test", execution);
    }
    last = pattern;
    CHECK(pieces(*regex, *json["text"].string()) == json["pieces"].dump());
  }
  CHECK(count > 1000);
}

}  // namespace

TEST_CASE("regular expressions match what they match in the reference" * NeedsRegex()) {
  check_recorded(Execution::native);
}

TEST_CASE("without machine code regular expressions match the same, long texts in time" *
          NeedsRegex()) {
  check_recorded(Execution::interpreted);
  const std::string long_text(8 << 20, 'a');
  CHECK(code_of("zz", long_text, Execution::interpreted) == ErrorCode{});
  CHECK(code_of("z|b", long_text, Execution::interpreted) == ErrorCode{});
}

TEST_CASE("a construct that is not translated is named with its place") {
  for (const auto& [source, construct] :
       {std::pair{"(?i)(a)\\1", "byte 9: a back-reference that ignores case"},
        {"\\X", "byte 0: a text segment"},
        {"a\\p{Klingon}", "\\p{Klingon}"},
        {"(?~a)", "byte 2: the group (?~"},
        {"(a)\\g<1>", "byte 3: a call"}}) {
    const std::string pattern = source;
    CAPTURE(pattern);
    CHECK(code_of(pattern) == ErrorCode::unsupported);
    CHECK_THROWS_WITH(Regex::compile(pattern, "x"), doctest::Contains(construct));
  }
}

TEST_CASE("\\G is taken at the beginning of each alternative alone" * NeedsRegex()) {
  CHECK(code_of("\\Ga|\\Gb") == ErrorCode{});
  for (const char* pattern : {"a*\\Gb", "a|\\Gb", "(?:a|\\G)b", "(?<=a)\\Gb"}) {
    CHECK(code_of(pattern) == ErrorCode::unsupported);
    CHECK_THROWS_WITH(Regex::compile(pattern, "x"), doctest::Contains("\\G elsewhere than"));
  }
}

TEST_CASE("hostile patterns are errors") {
  CHECK(code_of(std::string(100000, '(')) == ErrorCode::unsupported);
  CHECK(code_of(std::string(60000, '(')) == ErrorCode::unsupported);
  CHECK(code_of(std::string("a").append(60000, '+')) == ErrorCode::unsupported);
  CHECK(code_of("(?:(?:(?:a{65535}){65535}){65535}){65535}") == ErrorCode::unsupported);
  CHECK(code_of("[" + std::string(60000, '[')) == ErrorCode::unsupported);
  std::string many;
  for (char32_t c = 0x4E00; c < 0x4E00 + 300; ++c) append_char(many, c);
  CHECK(code_of(many) == ErrorCode::unsupported);
}

TEST_CASE("a pattern that refers back reads no byte behind the text, and surrogates match nothing" *
          NeedsRegex()) {
  // The text ends within its 65th byte's character; what lies behind looks as if it went on.
  const std::string bytes = std::string(63, 'a') + "é" + std::string(8, '\x80');
  for (const Execution execution : {Execution::native, Execution::interpreted}) {
    CHECK(code_of("(x)\\1", std::string_view(bytes).substr(0, 65), execution) == ErrorCode{});
  }
  for (const char* pattern : {"(a)\\1|\\p{Cs}[b]", "(a)\\1|[\\x{D800}-\\x{DFFF}][b]"}) {
    CHECK(pieces(*Regex::compile(pattern, "test"), "aab b") == "[[0,2],[2,5]]");
  }
}

TEST_CASE("hostile texts end in bounded time" * NeedsRegex()) {
  CHECK(code_of("(a|a)*b|(a|aa)+$", std::string(100, 'a') + "c") == ErrorCode::deadline);
  CHECK(code_of("(?:\\s[xy]?)+[ab]", std::string(1 << 20, ' ') + "c") == ErrorCode::deadline);
  // Where each place costs as much as the text is long, behind a long part that costs nothing.
  const std::string blanks = std::string(1 << 20, 'z') + std::string(1 << 17, ' ') + "c";
  CHECK(code_of("(?:\\s[xy]?)+(?:[ab]|d)", blanks) == ErrorCode::deadline);
  // Where every place has a match, found late.
  const std::string matches = std::string(3000, 'a') + "e";
  CHECK(code_of("(?:a|b)*(?:a|c)*d|a", matches) == ErrorCode::deadline);
}

#ifndef TERN_HAS_PCRE2
TEST_CASE("without PCRE2 other patterns than the known ones are unsupported") {
  CHECK(code_of("a") == ErrorCode::unsupported);
  for (const char* name : skipped_without_regex()) {
    MESSAGE("skipped, needs -Dregex=enabled: " << std::string(name));
  }
}
#endif

TEST_CASE("one regex serves many threads" * NeedsRegex()) {
  const auto regex = Regex::compile("(?:a|b)+|\\s+(?!\\S)|\\s", "test");
  const std::string text = std::string(20000, 'a') + "   é " + std::string(20000, 'b');
  const std::string expected = pieces(*regex, text);
  std::vector<std::thread> threads;
  std::vector<std::string> found(4);
  for (std::string& f : found) threads.emplace_back([&] { f = pieces(*regex, text); });
  for (auto& t : threads) t.join();
  for (const std::string& f : found) CHECK(f == expected);
}
