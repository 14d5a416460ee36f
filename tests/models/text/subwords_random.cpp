// SPDX-License-Identifier: Apache-2.0
// Random vocabularies and texts: BPE in linear time against the queue that defines it, Unigram with
// a moving base against the best way through the whole text.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "../../../engine/base/format.h"
#include "../../../models/text/subwords/bpe.h"
#include "../../../models/text/subwords/unigram.h"
#include "../../../models/text/unicode/utf8.h"
#include "subwords.h"

using namespace tern;
using namespace tern::test;
using namespace tern::text;

namespace {

/// A random alphabet, merges made of it (in the order of their making, shuffled, or every way to
/// make a token), now and then with characters missing.
struct RandomBpe {
  std::mt19937& rng;
  std::vector<std::string> letters, tokens;
  std::vector<std::pair<std::string, std::string>> merges;

  size_t below(size_t n) { return rng() % n; }

  explicit RandomBpe(std::mt19937& random) : rng(random) {
    static const std::vector<std::string> all{"a", "b", "c", "é", "中", "<"};
    letters.assign(all.begin(), all.begin() + static_cast<int>(1 + below(all.size())));
    tokens = letters;
    const size_t wanted = 1 + below(30);
    for (size_t i = 0; i < wanted; ++i) {
      const std::string left = tokens[below(tokens.size())], right = tokens[below(tokens.size())];
      if (left.size() + right.size() > 12) continue;
      merges.emplace_back(left, right);
      tokens.push_back(cat(left, right));
    }
    std::sort(tokens.begin(), tokens.end());
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    if (below(3) == 0) all_ways();
    std::shuffle(tokens.begin(), tokens.end(), rng);
    if (below(3) == 0) std::shuffle(merges.begin(), merges.end(), rng);
  }

  void all_ways() {
    merges.clear();
    const auto has = [&](const std::string& t) {
      return std::find(tokens.begin(), tokens.end(), t) != tokens.end();
    };
    for (const std::string& t : tokens) {
      for (size_t i = 1; i < t.size(); ++i) {
        if (has(t.substr(0, i)) && has(t.substr(i)))
          merges.emplace_back(t.substr(0, i), t.substr(i));
      }
    }
  }

  BpeConfig config() {
    BpeConfig out;
    const bool unknown = below(2) == 0, bytes = below(4) == 0;
    int64_t id = 0;
    for (const std::string& t : tokens) {
      if (below(40) != 0 || t.size() > 2) out.vocabulary.add(t, id++);
    }
    if (unknown) out.vocabulary.add("?", id++);
    for (const char* byte : {"<0xC3>", "<0xA9>", "<0x64>"}) {
      if (bytes) out.vocabulary.add(byte, id++);
    }
    out.vocabulary.finish();
    if (unknown) out.unk_token.emplace("?");
    out.fuse_unk = below(2) == 0;
    out.byte_fallback = bytes;
    for (const auto& [left, right] : merges) {
      const bool whole = out.vocabulary.find(left) >= 0 && out.vocabulary.find(right) >= 0 &&
                         out.vocabulary.find(cat(left, right)) >= 0;
      if (whole) out.merges.emplace_back(left, right);
    }
    return out;
  }

  std::string text() {
    std::string out;
    for (size_t i = 1 + below(below(8) == 0 ? 200 : 24); i > 0; --i) {
      out += below(30) == 0 ? "dü" : std::string_view(letters[below(letters.size())]);
    }
    return out;
  }
};

/// Unigram by definition: the best way to every place of the whole text.
Tokens best_way(const UnigramConfig& config, std::string_view text) {
  struct Best {
    double score = 0;
    size_t begin = 0;
    int64_t id = -1;
  };
  double worst = 1e300;
  for (const auto& [piece, score] : config.pieces) worst = std::min(worst, score);
  std::vector<Best> places(text.size() + 1);
  const auto offer = [&](size_t begin, size_t end, double score, int64_t id) {
    Best& b = places[end];
    if (b.id < 0 || places[begin].score + score > b.score) {
      b = {places[begin].score + score, begin, id};
    }
  };
  for (size_t at = 0; at < text.size(); at += utf8_length(text[at])) {
    const size_t next = at + utf8_length(text[at]);
    bool covered = false;
    for (size_t end = next; end <= std::min(text.size(), at + 24); ++end) {
      for (size_t p = 0; p < config.pieces.size(); ++p) {
        if (text.substr(at, end - at) != config.pieces[p].first) continue;
        offer(at, end, config.pieces[p].second, static_cast<int64_t>(p));
        covered = covered || end == next;
      }
    }
    if (!covered) offer(at, next, worst - 10, *config.unk_id);
  }
  Tokens out;
  for (size_t end = text.size(); end > 0; end = places[end].begin) {
    const auto id = static_cast<int32_t>(places[end].id);
    const auto begin = static_cast<uint32_t>(places[end].begin);
    if (id == config.unk_id && !out.empty() && out.back().id == id)
      out.back().begin = begin;
    else
      out.push_back({id, begin, static_cast<uint32_t>(end)});
  }
  std::reverse(out.begin(), out.end());
  return out;
}

}  // namespace

TEST_CASE("BPE in linear time gives what the queue of merges gives, for random vocabularies") {
  const uint32_t seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 rng(seed);
  size_t linear = 0, odd = 0;
  for (int i = 0; i < 3000; ++i) {
    RandomBpe random(rng);
    const Bpe bpe(random.config());
    linear += bpe.linear();
    odd += bpe.odd() != 0;
    for (int k = 0; k < 8; ++k) {
      const std::string text = random.text();
      Tokens fast, defined;
      bpe.tokenize(text, fast);
      bpe.tokenize_by_queue(text, defined);
      if (written(fast) == written(defined)) continue;
      CAPTURE(text);
      std::string merges;
      for (const auto& [left, right] : random.merges) merges += cat(left, " ", right, "; ");
      CAPTURE(merges);
      CHECK(written(fast) == written(defined));
    }
  }
  CHECK(linear > 2500);
  CHECK(odd > 100);
}

TEST_CASE("BPE with a suffix in linear time gives what the queue of merges gives") {
  std::mt19937 rng(7);
  size_t linear = 0;
  for (int i = 0; i < 2000; ++i) {
    RandomBpe random(rng);
    BpeConfig config;
    std::vector<std::pair<std::string, std::string>> merges;
    int64_t id = 0;
    for (const std::string& t : random.tokens) {
      config.vocabulary.add(t, id++);
      config.vocabulary.add(cat(t, "</w>"), id++);
    }
    config.vocabulary.finish();
    for (const auto& [left, right] : random.merges) {
      if (random.below(3) != 0) merges.emplace_back(left, right);
      if (random.below(3) != 0) merges.emplace_back(left, cat(right, "</w>"));
    }
    for (const auto& [left, right] : merges) config.merges.emplace_back(left, right);
    config.end_of_word_suffix = "</w>";
    if (random.below(2) == 0) config.unk_token = cat(random.letters[0], random.letters[0]);
    if (config.unk_token && config.vocabulary.find(*config.unk_token) < 0) config.unk_token = {};
    const Bpe bpe(std::move(config));
    linear += bpe.linear();
    for (int k = 0; k < 6; ++k) {
      const std::string text = random.text();
      CAPTURE(text);
      Tokens fast, defined;
      bpe.tokenize(text, fast);
      bpe.tokenize_by_queue(text, defined);
      CHECK(written(fast) == written(defined));
    }
  }
  CHECK(linear > 1000);
}

TEST_CASE("Unigram piece by piece gives the best way through the whole text") {
  const uint32_t seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 rng(seed);
  for (int i = 0; i < 2000; ++i) {
    UnigramConfig config;
    config.pieces.emplace_back("<unk>", -20);
    config.unk_id = 0;
    const size_t letters = 1 + rng() % 3;
    const auto text = [&](size_t size) {
      std::string out;
      while (size-- > 0) out += rng() % 40 == 0 ? "ü" : std::string(1, "abc"[rng() % letters]);
      return out;
    };
    for (size_t k = 1 + rng() % 12; k > 0; --k) {
      const std::string piece = text(1 + rng() % 5);
      const auto same = [&](const auto& p) { return p.first == piece; };
      if (std::any_of(config.pieces.begin(), config.pieces.end(), same)) continue;
      config.pieces.emplace_back(piece, -static_cast<double>(rng() % 40) / (rng() % 2 ? 10 : 7));
    }
    const Unigram model(config);
    const size_t last = i % 100 == 0 ? 20000 : 100;
    for (const size_t size : {size_t{1}, size_t{3}, size_t{10}, size_t{30}, last}) {
      const std::string all = text(size);
      Tokens out;
      model.tokenize(all, out);
      const bool same = written(out) == written(best_way(config, all));
      CAPTURE(all.substr(0, 200));
      CHECK(same);
    }
  }
}

TEST_CASE("Unigram gives the best way through long texts that no place cuts") {
  std::mt19937 rng(11);
  for (int i = 0; i < 30; ++i) {
    // Pieces of two and three letters reach over every place.
    UnigramConfig config;
    config.pieces.emplace_back("<unk>", -20);
    config.unk_id = 0;
    std::vector<std::string> pieces{""};
    for (size_t k = 0; k < pieces.size() && pieces[k].size() < 3; ++k) {
      for (const char c : {'a', 'b'}) pieces.push_back(pieces[k] + c);
    }
    for (size_t k = 1; k < pieces.size(); ++k) {
      config.pieces.emplace_back(pieces[k], -static_cast<double>(rng() % 1000) / 100);
    }
    const Unigram model(config);
    std::string text;
    while (text.size() < 30000) text += "ab"[rng() % (i % 3 == 0 ? 1 : 2)];
    Tokens out;
    model.tokenize(text, out);
    const bool same = written(out) == written(best_way(config, text));
    CHECK(same);
  }
}

TEST_CASE("Unigram gives the best way where a cut is found long after it was passed") {
  // Ways of three phases live on: those at every a that 3 divides, and so on. All pass b, over
  // which pieces reach that no best way has.
  UnigramConfig config;
  config.pieces = {{"<unk>", -90}, {"a", -6.4}, {"aa", -11.2}, {"aaa", -12.7},
                   {"b", -1},      {"ab", -99}, {"ba", -99}};
  config.unk_id = 0;
  const Unigram model(config);
  for (const size_t cut : {1000U, 4095U, 4096U, 4097U, 6000U, 9000U, 12287U, 12288U, 17000U}) {
    CAPTURE(cut);
    const std::string text = cat(std::string(cut, 'a'), "b", std::string(30000, 'a'));
    Tokens out;
    model.tokenize(text, out);
    const bool same = written(out) == written(best_way(config, text));
    CHECK(same);
  }
}
