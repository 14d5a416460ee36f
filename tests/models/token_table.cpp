// SPDX-License-Identifier: Apache-2.0
// The table of a tokenizer's tokens that constrained generation walks: made once, shared, freed.
#include "../../models/text/token_table.h"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <new>
#include <thread>

#include "../../engine/base/format.h"
#include "../../models/generate/grammar/constraint.h"
#include "../../models/text/tokenizer.h"
#include "../allocations.h"

using namespace tern;
using grammar::Constraint;
using grammar::Grammar;

namespace {

constexpr int64_t kCount = 70000;

/// `count` tokens "0", "1", …; a decoder makes of their digits what it says.
Tokenizer numbers(std::string_view decoder = R"({"type":"Fuse"})", std::string_view added = "",
                  int64_t count = kCount) {
  std::string vocab;
  for (int64_t id = 0; id < count; ++id) vocab += cat(id == 0 ? "\"" : ",\"", id, "\":", id);
  return AutoTokenizer::from_json(
      cat(R"({"added_tokens":[)", added, R"(],"decoder":)", decoder,
          R"(,"model":{"type":"WordLevel","unk_token":"0","vocab":{)", vocab, "}}}"),
      "tokenizer.json");
}

/// Ids of those tokens, and of ten behind them, that may come first.
std::vector<int64_t> first_of(const char* rules, const Tokenizer& tokenizer) {
  std::vector<float> scores(kCount + 10, 1.F);
  Constraint(Grammar::parse(rules, "grammar"), tokenizer, {kCount + 9})({}, scores);
  std::vector<int64_t> out;
  for (int64_t id = 0; id < kCount + 10; ++id) {
    if (scores[static_cast<size_t>(id)] == 1.F) out.push_back(id);
  }
  return out;
}

}  // namespace

TEST_CASE("a second constraint of one tokenizer, or of its copy, makes no table of its tokens") {
  const Tokenizer tokenizer = numbers();
  const auto peak = [&](const Tokenizer& of) {
    test::start_peak();
    CHECK(first_of("root ::= \"12\"", of) == std::vector<int64_t>{1, 12});
    return test::peak_bytes();
  };
  const size_t first = peak(tokenizer), own = kCount * sizeof(uint32_t);
  CHECK(first > tokenizer.token_table().bytes());
  CHECK(tokenizer.token_table().bytes() > own);
  const Tokenizer copy = tokenizer;
  for (const Tokenizer& again : {tokenizer, copy}) {
    CHECK(peak(again) < kCount * sizeof(float) + own);  // the scores, a mask, the grammar
    CHECK(&again.token_table() == &tokenizer.token_table());
  }
}

TEST_CASE("threads that constrain at once share one table, with the same masks") {
  const Tokenizer tokenizer = numbers();
  std::atomic<int> waiting = 4, wrong = 0;
  std::array<const text::TokenTable*, 4> tables = {};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < tables.size(); ++t) {
    threads.emplace_back([&, t, own = tokenizer] {
      --waiting;
      while (waiting > 0) std::this_thread::yield();
      wrong += first_of("root ::= \"12\"", own) != std::vector<int64_t>{1, 12};
      tables[t] = &own.token_table();
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  for (const text::TokenTable* table : tables) CHECK(table == &tokenizer.token_table());
}

TEST_CASE("a tokenizer that is given another's value has that one's table; the old one is freed") {
  // Few enough that nothing lies in large pages, where malloc keeps up to one more, by chance.
  constexpr int64_t kFew = 20000;
  const char* decoder = R"({"type":"Fuse"})";
  const size_t before = test::live_bytes();
  {
    Tokenizer tokenizer = numbers(decoder, "", kFew);
    CHECK(first_of("root ::= \"12a\"", tokenizer) == std::vector<int64_t>{1, 12});
    const size_t one = test::live_bytes() - before;
    tokenizer = numbers(decoder, R"({"id":20000,"content":"12a"})", kFew);
    CHECK(first_of("root ::= \"12a\"", tokenizer) == std::vector<int64_t>{1, 12, kFew});
    CHECK(test::live_bytes() - before < one + one / 10);
  }
  CHECK(test::live_bytes() < before + 10000);
}

TEST_CASE("a table that memory did not suffice for is made by the next call") {
  const Tokenizer tokenizer = numbers();
  for (const size_t k : {1U, 10U, 100U}) {
    const test::FailAllocation fail(k);
    CHECK_THROWS_AS(tokenizer.token_table(), std::bad_alloc);
  }
  CHECK(first_of("root ::= \"12\"", tokenizer) == std::vector<int64_t>{1, 12});
}

TEST_CASE("any number of tokens may have the same bytes, and ids any number") {
  const char* all = R"({"type":"Replace","pattern":{"Regex":"[0-9]+"},"content":"x"})";
  CHECK(first_of("root ::= \"x\"", numbers(all)).size() == kCount);
  CHECK(first_of("root ::= \"y\"", numbers(all)).empty());
  const Tokenizer sparse = AutoTokenizer::from_json(
      R"({"model":{"type":"WordLevel","unk_token":"a","vocab":{"a":3,"b":2147483647}}})", "far");
  CHECK(first_of("root ::= [ab ]+", sparse) == std::vector<int64_t>{3});
  CHECK(sparse.token_table().bytes() < 200);
}
