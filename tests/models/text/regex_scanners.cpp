// SPDX-License-Identifier: Apache-2.0
// Each scanner against the matcher of the same pattern.
#include <doctest/doctest.h>

#include <chrono>
#include <random>

#include "../../../models/text/regex/regex.h"
#include "../../../models/text/regex/scanners.h"
#include "cases.h"
#include "needs_regex.h"

using namespace tern;
using namespace tern::test;
using namespace tern::text;
using hub::Json;

namespace {

struct Pair {
  std::string name;
  std::unique_ptr<const Regex> scanned, matched;
};

/// The patterns of tests/data/text/patterns.json that have a scanner, by name.
std::vector<std::pair<std::string, std::string>> known_patterns() {
  std::vector<std::pair<std::string, std::string>> out;
  const Json all = Json::parse(read_maybe_xz(TERN_TEST_DATA "/text/patterns.json"), "patterns");
  for (const auto& [name, pattern] : all.members()) {
    Scanner scanner;
    if (Scanner::find(*pattern.string(), scanner)) out.emplace_back(name, *pattern.string());
  }
  return out;
}

std::vector<Pair> pairs() {
  std::vector<Pair> out;
  for (const auto& [name, text] : known_patterns()) {
    out.push_back({name, Regex::compile(text, "test"), Regex::compile_matcher(text, "test")});
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

TEST_CASE("every known pattern has its scanner") {
  CHECK(known_patterns().size() == 8);
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
