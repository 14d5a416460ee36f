// SPDX-License-Identifier: Apache-2.0
// Vocabulary and DoubleArray against maps of the standard library.
#include "../../../models/text/subwords/vocabulary.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../../../models/text/subwords/double_array.h"

using namespace tern;
using namespace tern::text;

namespace {

constexpr unsigned kSeed = 20261126;

/// Texts of few letters share their beginnings; NUL and 255 are letters like others.
std::string random_text(std::mt19937& random, size_t most) {
  constexpr char kLetters[] = {'a', 'b', '\0', '\xFF'};
  const bool two = random() % 2 == 0;
  std::string out(random() % (most + 1), 'a');
  for (char& c : out) c = kLetters[random() % (two ? 2 : 4)];
  return out;
}

}  // namespace

TEST_CASE("a vocabulary finds every token of any length and nothing else") {
  CAPTURE(kSeed);
  std::mt19937 random(kSeed);
  for (const bool reserved : {false, true}) {
    Vocabulary vocabulary;
    if (reserved) vocabulary.reserve(3000, 60'000);
    std::map<std::string, int32_t> expected;
    const auto add = [&](const std::string& token) {
      const auto id = static_cast<int32_t>(random() % 100'000);
      vocabulary.add(token, id);
      expected[token] = id;
    };
    for (int i = 0; i < 3000; ++i) add(random_text(random, 20));
    for (size_t size = 250; size < 260; ++size)
      add(std::string(size, 'x')), add(std::string(size, 'y'));
    add(std::string(250 + 256, 'x'));
    vocabulary.finish();
    CHECK(vocabulary.size() == expected.size());
    std::vector<std::string> asked;
    for (const auto& [token, id] : expected) asked.push_back(token), asked.push_back(token + "a");
    for (int i = 0; i < 3000; ++i) asked.push_back(random_text(random, 20));
    for (size_t size = 500; size < 520; ++size) asked.push_back(std::string(size, 'x'));
    const std::vector<std::string_view> views(asked.begin(), asked.end());
    std::vector<int32_t> entries(asked.size());
    vocabulary.find_entries(views, entries.data());
    for (size_t i = 0; i < asked.size(); ++i) {
      CAPTURE(asked[i]);
      const auto at = expected.find(asked[i]);
      REQUIRE(vocabulary.find(asked[i]) == (at == expected.end() ? -1 : at->second));
      REQUIRE(entries[i] == vocabulary.find_entry(asked[i]));
      if (at == expected.end()) continue;
      REQUIRE(vocabulary.text(vocabulary.entries()[static_cast<size_t>(entries[i])]) == asked[i]);
    }
  }
}

TEST_CASE("a double array knows its keys, and of each the longest one that it begins with") {
  CAPTURE(kSeed);
  std::mt19937 random(kSeed);
  for (int round = 0; round < 300; ++round) {
    const size_t most = 1 + random() % 24;
    std::vector<std::string> texts;
    for (size_t i = random() % 200; i > 0; --i)
      texts.push_back(cat("a", random_text(random, most)));
    if (!texts.empty()) texts.push_back(texts[0]);  // of equal ones the last one counts
    std::map<std::string, uint32_t> expected;
    std::vector<DoubleArray::Key> keys;
    for (uint32_t i = 0; i < texts.size(); ++i) {
      keys.push_back({texts[i], i});
      expected[texts[i]] = i;
    }
    DoubleArray trie;
    std::vector<uint32_t> shorter;
    trie.build(keys, &shorter);
    REQUIRE(shorter.size() == texts.size());
    REQUIRE(std::is_sorted(keys.begin(), keys.end(),
                           [](const auto& a, const auto& b) { return a.text < b.text; }));
    const auto value_of = [&](std::string_view text) {
      const auto at = expected.find(std::string(text));
      return at == expected.end() ? DoubleArray::kNone : at->second;
    };
    for (size_t i = 0; i < keys.size(); ++i) {
      uint32_t longest = DoubleArray::kNone;
      for (size_t n = 1; n < keys[i].text.size(); ++n) {
        const uint32_t value = value_of(keys[i].text.substr(0, n));
        if (value != DoubleArray::kNone) longest = value;
      }
      REQUIRE(shorter[i] == longest);
      REQUIRE(trie.find(keys[i].text) == value_of(keys[i].text));
    }
    for (int i = 0; i < 100; ++i) {
      const std::string text = cat("a", random_text(random, most + 2));
      REQUIRE(trie.find(text) == value_of(text));
      DoubleArray::Hit best{DoubleArray::kNone, 0};
      for (size_t n = 1; n <= text.size(); ++n) {
        const uint32_t value = value_of(std::string_view(text).substr(0, n));
        if (value != DoubleArray::kNone) best = {value, n};
      }
      const DoubleArray::Hit hit = trie.longest(text, 0);
      REQUIRE(hit.value == best.value);
      REQUIRE(hit.end == best.end);
    }
  }
}

TEST_CASE("a double array refuses a value for which its nodes have no room") {
  constexpr uint32_t kMost = (1u << 27) - 2;
  std::vector<DoubleArray::Key> keys = {{"a", kMost}, {"ab", 0}};
  DoubleArray trie;
  trie.build(keys);
  CHECK(trie.find("a") == kMost);
  CHECK(trie.find("ab") == 0);
  keys[0].value = kMost + 1;
  CHECK_THROWS_AS(DoubleArray().build(keys), Error);
}
