// SPDX-License-Identifier: Apache-2.0
// GBNF: which texts a grammar has, and what is wrong with one that is none.
#include <doctest/doctest.h>

#include "../../engine/base/format.h"
#include "../../models/generate/grammar/automaton.h"
#include "../../models/text/unicode/utf8.h"
#include "golden.h"
#include "grammar_texts.h"
#include "text/cases.h"

using namespace tern;
using grammar::Automaton;
using grammar::Grammar;
using test::accepts;
using test::check_texts;

namespace {

struct Table {
  const char* grammar;
  std::vector<std::string> accepted, rejected;
};

const Table kTables[] = {
    {"root ::= \"yes\" | \"no\"", {"yes", "no"}, {"", "ye", "yesno", "No"}},
    {"root ::= \"a\" \"b\"? \"c\"*", {"a", "ab", "abccc", "acc"}, {"", "b", "abb", "ca"}},
    {"root ::= \"a\"+ | ", {"", "a", "aaaa"}, {"b", "ab"}},
    {"root ::= \"ab\"{2}", {"abab"}, {"ab", "ababab", "abb"}},
    {"root ::= [0-9]{2,}", {"12", "123456"}, {"1", "", "12a"}},
    {"root ::= [ab]{0,3} \"c\"", {"c", "abc", "aaac"}, {"aaaac", "ab"}},
    {"root ::= [ab]{1,3}", {"a", "bb", "aba"}, {"", "abab"}},
    {"root ::= \"x\"{0} \"y\"", {"y"}, {"xy", ""}},
    {"root ::= \"x\"{0,0}", {""}, {"x"}},
    {"root ::= (\"a\" | \"b\" (\"c\")+){2}", {"aa", "abc", "bccbc"}, {"a", "ab", "bcb"}},
    {"root ::= [^a-c\\n]", {"d", "é", "€", "😀", "\t"}, {"a", "b", "c", "\n", "", "dd"}},
    {"root ::= .", {"a", "\n", "é", "€", "😀"}, {"", "ab", "\x80", "\xC3", "\xED\xA0\x80"}},
    {"root ::= [^\\x00-\\x7F]",
     {"é", "߿", "ࠀ", "\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBF", "𐀀", "\xF4\x8F\xBF\xBF"},
     {"a", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF0\x80\x80\x80"}},
    {"root ::= [à-ý€-₰]+", {"éàý", "€₰₭", "é€"}, {"a", "ß", "þ", "₱", "\xC3"}},
    {"root ::= [\\u00e9\\U0001F600-\\U0001F64F]+", {"é😀🙏"}, {"e", "🚀", "\xF0\x9F"}},
    {"root ::= \"\\x41\\u00e9\\U0001F600\\n\\r\\t\\\\\\\"\\[\\]\"", {"Aé😀\n\r\t\\\"[]"}, {"A"}},
    {"root ::= [\\]\\[^-]+", {"][^-"}, {"a"}},
    {"root ::= [a^-]+", {"a^-"}, {"b"}},
    // Recursion: in the middle, at the end, through another rule.
    {"root ::= \"(\" root \")\" | \"x\"", {"x", "((x))"}, {"((x)", "(x))", "()"}},
    {"root ::= \"a\" root | \"b\"", {"b", "aaab"}, {"aaa", "ba"}},
    {"root ::= item (\",\" item)*\nitem ::= \"[\" root? \"]\"", {"[]", "[[],[]],[]"}, {"[", "[],"}},
    // Comments, names, lines inside of brackets and behind | and ::=.
    {"# first\nroot ::= a-1 # one\n\n  # x\r\na-1 ::=\n  (\n \"x\" # in\n | \"y\"\n ) \"z\" |\n "
     "\"w\"",
     {"xz", "yz", "w"},
     {"x", "xw"}},
    // Ways that come together again, loops around nothing.
    {"root ::= (\"a\" | \"a\" | \"a\"?)* \"b\"", {"b", "aaab"}, {"a", ""}},
    {"root ::= (\"\" | \"\"*)+ \"b\"", {"b"}, {""}},
    {"root ::= a? a? a? \"x\"\na ::= \"y\"?", {"x", "yyyx"}, {"yyyyx"}},
    {"root ::= \"a\" root \"a\" | \"a\"", {"a", "aaa", "aaaaa"}, {"aa", "aaaa", ""}},
};

}  // namespace

TEST_CASE("a grammar has its texts and no others") {
  for (const Table& table : kTables) {
    CAPTURE(table.grammar);
    Automaton automaton(Grammar::parse(table.grammar, "grammar"));
    for (int again = 0; again < 2; ++again) {  // the second time from what is known
      check_texts(automaton, table);
      if (again == 0) automaton.clear();
    }
  }
}

TEST_CASE("a class has the characters that it names, of all there are") {
  using text::append_char;
  for (const auto& [low, high] : {std::pair<char32_t, char32_t>{0x7E, 0x81},
                                  {0x7BF, 0x840},
                                  {0xFFF, 0x1001},
                                  {0xD7FE, 0xE001},
                                  {0xFFFE, 0x10002},
                                  {0x4FFFF, 0x100001},
                                  {0x20AC, 0x20AC}}) {
    std::string ranges, c;
    append_char(ranges, low);
    ranges += '-';
    append_char(ranges, high);
    Automaton inside(Grammar::parse(cat("root ::= [", ranges, "]"), "grammar"));
    Automaton outside(Grammar::parse(cat("root ::= [^", ranges, "]"), "grammar"));
    size_t wrong = 0;
    for (char32_t x = 0; x <= 0x10FFFF; ++x) {
      if (x >= 0xD800 && x <= 0xDFFF) continue;
      c.clear();
      append_char(c, x);
      const bool expected = x >= low && x <= high;
      wrong += accepts(inside, c) != expected || accepts(outside, c) == expected;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("what is wrong with a grammar is said with its line and column") {
  const std::pair<std::string, const char*> rows[] = {
      {"", "1:1: expected a rule 'root', found none"},
      {"a ::= \"x\"", "1:1: expected a rule 'root', found none"},
      {"root", "1:5: expected '::=', found the end"},
      {"root = \"x\"", "1:6: expected '::=', found '='"},
      {"root ::= \"x", "1:10: expected '\"' at the end of this text"},
      {"root ::= [ab", "1:10: expected ']' at the end of these characters"},
      {"root ::= (\"x\"", "1:14: expected ')', found the end"},
      {"root ::= \"x\")", "1:13: expected no ')' without its '(', found ')'"},
      {"root ::= \"é\" $",
       "1:14: expected a rule, \"text\", [characters], '(' or the end of the line, "
       "found '$'"},
      {"root ::= \"x\"\n  €", "2:3: expected the name of a rule, found '€'"},
      {"root ::= a\n\na ::= b \"x\" c\nb ::= \"y\"", "3:13: rule 'c' is not defined"},
      {"root ::= \"x\"\nroot ::= \"y\"", "2:1: rule 'root' is defined twice"},
      {"root ::= *", "1:10: expected something to repeat before this, found nothing"},
      {"root ::= \"a\"**", "1:14: expected something to repeat before this, found nothing"},
      {"root ::= \"a\"{}", "1:14: expected a number of repetitions, found '}'"},
      {"root ::= \"a\"{2", "1:15: expected '}', found the end"},
      {"root ::= \"a\"{3,2}", "1:13: {3,2}: expected the less first"},
      {"root ::= \"a\"{0,2147483648}", "1:16: expected at most 65536 repetitions, found more"},
      {"root ::= \"a\"{99999999999999999999999}", "1:14: expected at most 65536 repetitions"},
      {"root ::= \"\\q\"", "1:11: expected one of \\n \\r"},
      {"root ::= \"\\x4\"", "1:14: expected 2 hexadecimal digits, found '\"'"},
      {"root ::= \"\\uD800\"", "1:11: expected a character of Unicode"},
      {"root ::= \"\\U00110000\"", "1:11: expected a character of Unicode"},
      {"root ::= \"\\UFFFFFFFF\"", "1:11: expected a character of Unicode"},
      {"root ::= \"\\", "1:11: expected one of"},
      {"root ::= []", "1:10: expected a character in the brackets, found none"},
      {"root ::= [^\\x00-\\U0010FFFF]", "1:10: expected a character in the brackets, found none"},
      {"root ::= [b-a]", "1:11: expected the less of a range first"},
      {"root ::= <think>", "1:10: tokens by name or number"},
      {"root ::= \"\xFF\"", "1:11: expected UTF-8, found another byte"},
      {"root ::= root \"x\" | \"y\"", "1:1: rule 'root' begins with itself (left recursion)"},
      {"root ::= \"x\"\na ::= b\nb ::= c \"y\"\nc ::= (a | \"z\")",
       "2:1: rule 'a' begins with itself, through 'b', 'c' (left recursion)"},
      {"root ::= a\na ::= b? root \"x\"\nb ::= \"\" | \"y\"",
       "1:1: rule 'root' begins with itself, through 'a' (left recursion)"},
      {"root ::= e root\ne ::= f f*\nf ::= \"\"", "1:1: rule 'root' begins with itself"},
      {"root ::= (root)", "1:1: rule 'root' begins with itself (left recursion)"},
      {"root ::= root{0,3} \"a\"", "1:1: rule 'root' begins with itself (left recursion)"},
  };
  for (const auto& row : rows) {
    const std::string& text = row.first;
    CAPTURE(text);
    const auto thrown = golden::error_of([&] { Grammar::parse(text, "grammar"); });
    CHECK(thrown.first == ErrorCode::invalid_argument);
    CAPTURE(thrown.second);
    CHECK(thrown.second.starts_with(cat("grammar:", row.second)));
  }
}

TEST_CASE("hostile grammars are an Error or work, on a small stack") {
  using test::repeated;
  std::string chain = "root ::= r0\n", circle = "root ::= r0\n", empties = "root ::= r0 \"x\"\n";
  for (int i = 0; i < 5000; ++i) {
    chain += cat("r", i, " ::= ", i == 4999 ? "\"x\"" : cat("r", i + 1), "\n");
    circle += cat("r", i, " ::= r", (i + 1) % 5000, "\n");
    empties += cat("r", i, " ::= ", i == 4999 ? "\"y\"?" : cat("r", i + 1, " r", i + 1), "\n");
  }
  struct Row {
    std::string text, message;  // empty: it works
  };
  const Row rows[] = {
      {"root ::= " + repeated("(", 60000), "groups at most 1000 deep"},
      {"root ::= " + repeated("(", 60000) + "\"x\"" + repeated(")", 60000), "1000 deep"},
      {"root ::= " + repeated("(", 999) + "\"x\"" + repeated(")", 999), ""},
      {"root ::= " + repeated("(", 999) + "\"x\"?" + repeated(")*", 999), ""},
      {"root ::= \"x\"{0,2147483648}", "65536 repetitions"},
      {"root ::= \"" + repeated("x", 100) + "\"{65536}", "1048576 places"},
      {"root ::= [acegikmoqsuwyACEGIKMOQSUWY02468!#%')+-]{65536}" +
           repeated(" [acegikmoqsuwyACEGIKMOQSUWY02468!#%')+-]{9999}", 15),
       "4194304 ranges"},
      {repeated("n", 1 << 20) + " ::= " + repeated("(\"x\")", 100000) + "\nroot ::= \"x\"", ""},
      {"root ::= \"" + repeated("x", 2 << 20) + "\"", "a shorter text"},
      {"root ::= \"x\"{65536}", ""},
      {"root ::= \"x\"{0,65536}", ""},
      {"root ::= a{60000}\na ::= b{60000}\nb ::= \"x\"?", "ways at once"},
      {"root ::= ((\"x\"?){0,60000}){0,60000} \"y\"", "ways at once"},
      {chain, ""},
      {circle, "left recursion"},
      {empties, "ways at once"},
      {"root ::= " + repeated("\"x\" | ", 200000) + "\"x\"", "ways at once"},
      {"root ::= " + repeated("(\"x\")", 200000), "131072 rules"},
      {repeated("#", (4 << 20) + 1), "4194304 bytes"},
      {"root ::= \"x\"" + repeated("\n", 1 << 20), ""},
      {"root ::= [" + repeated("x", 1 << 20) + "]", ""},
  };
  test::with_stack(test::kInstrumented ? 1 << 20 : 128 << 10, [&] {
    for (const Row& row : rows) {
      CAPTURE(row.text.substr(0, 40));
      CAPTURE(row.message);
      const auto thrown = golden::error_of([&] {
        Automaton automaton(Grammar::parse(row.text, "grammar"));
        automaton.next(automaton.start(), 'x');
      });
      CAPTURE(thrown.second);
      if (row.message.empty()) {
        CHECK(thrown.second == "nothing was thrown");
      } else {
        CHECK(thrown.first == ErrorCode::invalid_argument);
        CHECK(thrown.second.find(row.message) != std::string::npos);
      }
    }
  });
}

TEST_CASE("deep texts take one step a byte, and memory that is given back") {
  Automaton nested(Grammar::parse("root ::= \"[\" root \"]\" | \"x\"", "grammar"));
  grammar::State state = nested.start();
  for (int i = 0; i < 100000; ++i) state = nested.next(state, '[');
  state = nested.next(state, 'x');
  for (int i = 0; i < 100000; ++i) {
    CHECK_FALSE(nested.may_end(state));
    nested.budget();
    state = nested.next(state, ']');
  }
  CHECK(nested.may_end(state));
  // A list that recurses at its end has one state for all its elements.
  Automaton list(Grammar::parse("root ::= \"a,\" root | \"b\"", "grammar"));
  state = list.start();
  const grammar::State first = list.next(list.next(state, 'a'), ',');
  CHECK(list.next(list.next(first, 'a'), ',') == first);
  // What is ambiguous without end is an Error once it is too much.
  Automaton doubles(
      Grammar::parse("root ::= \"x\" root \"a\" | \"x\" root \"b\" | \"x\"", "grammar"));
  const auto thrown = golden::error_of([&] {
    grammar::State at = doubles.start();
    for (int i = 0; i < 100; ++i) doubles.budget(), at = doubles.next(at, 'x');
  });
  CHECK(thrown.first == ErrorCode::invalid_argument);
  CHECK(thrown.second.find("fewer ways") != std::string::npos);
}
