// SPDX-License-Identifier: Apache-2.0
// Each scanner against the matcher of the same pattern.
#include <doctest/doctest.h>

#include <chrono>
#include <random>
#include <set>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../../../models/text/regex/regex.h"
#include "../../../models/text/regex/scanners.h"
#include "../../../models/text/unicode/utf8.h"
#include "../../needs.h"
#include "cases.h"

using namespace tern;
using namespace tern::test;
using namespace tern::text;
using hub::Json;

namespace {

struct Pair {
  std::string name;
  std::unique_ptr<const Regex> scanned, matched;
};

/// The patterns of tests/data/text/patterns.json that have a scanner, by name; hand-written ones
/// also run as automata do.
std::vector<Pair> pairs() {
  std::vector<Pair> out;
  const Json all = Json::parse(read_maybe_xz(TERN_TEST_DATA "/text/patterns.json"), "patterns");
  for (const auto& [key, pattern] : all.members()) {
    const std::string name(key), text(*pattern.string());
    auto scanned = Regex::compile(text, "test");
    if (!scanned->scanner()) continue;
    out.push_back({name, std::move(scanned), Regex::compile_matcher(text, "test")});
    if (!Scanner::find(text)) continue;
    // The same pattern in other words.
    auto automaton = Regex::compile("(?:" + text + ")", "test");
    out.push_back({tern::cat(name, " as others"), std::move(automaton),
                   Regex::compile_matcher(text, "test")});
  }
  return out;
}

bool same(const Pair& pair, std::string_view text) {
  std::vector<Regex::Match> scanned, matched;
  pair.scanned->find_all(text, scanned);
  pair.matched->find_all(text, matched);
  const bool equal = scanned == matched;
  if (!equal) {
    INFO(pair.name, ": ", std::string(text));
    CHECK(scanned.size() == matched.size());
    for (size_t i = 0; i < std::min(scanned.size(), matched.size()); ++i) {
      if (scanned[i] == matched[i]) continue;
      INFO("at ", scanned[i].begin, ": ", scanned[i].end, " instead of ", matched[i].end);
      CHECK(scanned[i] == matched[i]);
      break;
    }
  }
  return equal;
}

const std::vector<std::string> kBoundary{
    "a",          "Z",      "s",          "S",          "t",
    "l",          "L",      "r",          "e",          "V",
    "1",          "\u0663", "\u00b2",     "'",          " ",
    "\n",         "\r",     "\t",         "\u0085",     "\u00a0",
    "\u3000",     "/",      ".",          "_",          std::string(1, '\0'),
    "\u00e9",     "\u00c9", "\u017f",     "\u01c5",     "\u02b0",
    "\u00aa",     "\u4e2d", "\u0301",     "\u0e31",     "\u20dd",
    "\u200b",     "\u2028", "\U0001f600", "\U0001d7d8", "\U00010d50",
    "\U0010ffff", "\u0378"};

}  // namespace

TEST_CASE("patterns of published tokenizers run as scanners" * NeedsRegex()) {
  const std::set<std::string> others{"exaone", "granite", "right_to_left_digits", "nougat",
                                     "phi_spaces"};
  std::set<std::string> found;
  for (const Pair& pair : pairs()) {
    CHECK(pair.scanned->scanner());
    found.insert(pair.name);
  }
  const Json all = Json::parse(read_maybe_xz(TERN_TEST_DATA "/text/patterns.json"), "patterns");
  for (const auto& member : all.members()) {
    const std::string name(member.first);
    CAPTURE(name);
    CHECK(found.count(name) + others.count(name) == 1);
  }
}

TEST_CASE("scanners cut all code points and all triples of boundary classes as the matcher does" *
          NeedsRegex()) {
  std::string all;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c < 0xD800 || c > 0xDFFF) append_char(all, c);
  }
  for (const Pair& pair : pairs()) {
    CHECK(same(pair, all));
    size_t bad = 0;
    for (const std::string& a : kBoundary) {
      for (const std::string& b : kBoundary) {
        for (const std::string& c : kBoundary) {
          if (bad < 5) bad += !same(pair, a + b + c);
          if (bad < 5) bad += !same(pair, "A" + a + b + c + "a");
        }
      }
    }
  }
}

TEST_CASE("scanners cut random texts as the matcher does" * NeedsRegex()) {
  std::mt19937 random(7);
  const std::vector<Pair> all = pairs();
  size_t bad = 0;
  for (int n = 0; n < 100000 && bad < 5; ++n) {
    std::string text;
    const size_t count = 1 + random() % 40;
    for (size_t i = 0; i < count; ++i) {
      if (random() % 8 == 0)
        text += std::string(random() % 20, "aZ 1.\n"[random() % 6]);
      else
        text += kBoundary[random() % kBoundary.size()];
    }
    bad += !same(all[static_cast<size_t>(n) % all.size()], text);
  }
}

namespace {

/// A pattern over a few characters, of all that automata know and a little that they do not.
std::string random_pattern(std::mt19937& random, int depth) {
  static const std::vector<std::string> kAtoms{"a",   "b", "c",   "[ab]", "[^a]",
                                               "\\s", ".", "\\S", "é",    "[A-Za-z]"};
  static const std::vector<std::string> kTurns{"",      "",     "",       "",   "*",  "+",
                                               "?",     "*?",   "+?",     "??", "++", "{2}",
                                               "{1,2}", "{2,}", "{0,2}?", "*+"};
  static const std::vector<std::string> kEnds{"",        "",  "",         "(?!a)",       "(?=b|$)",
                                              "(?!\\S)", "$", "(?=\\s+)", "(?=[A-Za-z])"};
  const auto pick = [&](const auto& all) { return all[random() % all.size()]; };
  std::string out;
  for (size_t alternatives = 1 + random() % 3; alternatives > 0; --alternatives) {
    for (size_t n = 1 + random() % 3; n > 0; --n) {
      const bool group = depth > 0 && random() % 4 == 0;
      out +=
          (group ? "(?:" + random_pattern(random, depth - 1) + ")" : pick(kAtoms)) + pick(kTurns);
    }
    out += pick(kEnds);
    if (alternatives > 1) out += '|';
  }
  return out;
}

std::string random_text(std::mt19937& random, size_t count) {
  static const std::vector<std::string> kChars{"a", "b", "c", " ", "\n", "é", "d", "\u00a0"};
  std::string out;
  while (out.size() < count) {
    if (random() % 4 == 0)
      out += std::string(random() % 20, "ab \n"[random() % 4]);
    else
      out += kChars[random() % kChars.size()];
  }
  return out;
}

}  // namespace

TEST_CASE("automata end a match where the condition holds, within and behind a run of letters" *
          NeedsRegex()) {
  for (const char* pattern : {"[A-Za-z]+(?=[A-Za-z])", "[A-Za-z]+(?![A-Za-z])", "[A-Za-z]+",
                              "[A-Za-z]+(?=[A-Za-z])|!+"}) {
    const Pair pair{pattern, Regex::compile(pattern, "test"),
                    Regex::compile_matcher(pattern, "test")};
    CHECK(pair.scanned->scanner());
    for (size_t letters = 0; letters < 40; ++letters) {
      for (const char* behind : {"", "!", " ", "é", "! and so on", " and so on", "é and so on"}) {
        CHECK(same(pair, std::string(letters, 'x') + behind));
        CHECK(same(pair, tern::cat("!", std::string(letters, 'Z'), behind)));
      }
    }
  }
}

TEST_CASE("automata match what the matcher matches, whatever the pattern" * NeedsRegex()) {
  std::mt19937 random(11);
  size_t scanned = 0;
  for (int n = 0; n < 6000; ++n) {
    Pair pair{random_pattern(random, 2), nullptr, nullptr};
    try {
      pair.scanned = Regex::compile(pair.name, "test");
      pair.matched = Regex::compile_matcher(pair.name, "test");
    } catch (const Error&) {
      continue;
    }
    if (!pair.scanned->scanner()) continue;
    ++scanned;
    for (size_t round = 0; round < 10; ++round) REQUIRE(same(pair, random_text(random, 3 * round)));
    // Were time not linear, this would take minutes.
    std::vector<Regex::Match> matches;
    const std::string period = random_text(random, 2);
    std::string text;
    while (text.size() < 50000) text += period;
    pair.scanned->find_all(text, matches);
  }
  CHECK(scanned > 500);
}
