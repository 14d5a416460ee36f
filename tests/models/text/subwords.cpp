// SPDX-License-Identifier: Apache-2.0
// BPE and Unigram: the reference's answers for odd vocabularies (made by make_subwords.py), the
// linear algorithm against the queue that defines BPE, time, and hostile tables.
#include <doctest/doctest.h>
#include <time.h>

#include <algorithm>
#include <random>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../../../models/text/subwords/bpe.h"
#include "../../../models/text/subwords/json_score.h"
#include "../../../models/text/subwords/unigram.h"
#include "../../../models/text/unicode/byte_alphabet.h"
#include "../../../models/text/unicode/utf8.h"
#include "cases.h"

using namespace tern;
using namespace tern::test;
using namespace tern::text;
using hub::Json;

namespace {

using Tokens = std::vector<ModelToken>;

std::string written(const Tokens& tokens) {
  std::string out(1, '[');
  for (const ModelToken& t : tokens) {
    out += cat(out.size() == 1 ? "[" : ",[", t.id, ",", t.begin, ",", t.end, "]");
  }
  return out += "]";
}

/// The reference's tokens of `text`, written likewise. It places the bytes of a suffix behind the
/// text; here they are empty places at its end.
std::string expected_answer(const Json& tokens, std::string_view text) {
  if (tokens.is_null()) return "null";
  const auto size = static_cast<int64_t>(text.size());
  Tokens out;
  for (const Json& t : tokens.elements()) {
    const auto number = [&](size_t i) { return t.elements()[i].integer().value(); };
    out.push_back({static_cast<int32_t>(number(0)),
                   static_cast<uint32_t>(std::min(number(1), size)),
                   static_cast<uint32_t>(std::min(number(2), size))});
  }
  return written(out);
}

/// The tokens as JSON, or null when the text is refused.
std::string answer(const TextModel& model, std::string_view text) {
  Tokens out;
  try {
    model.tokenize(text, out);
  } catch (const Error&) {
    return "null";
  }
  return written(out);
}

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

double seconds(const TextModel& model, std::string_view text) {
  // Kept: fresh memory for many tokens would cost more than the tokens.
  static Tokens out;
  timespec from, to;
  out.clear();
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
  model.tokenize(text, out);
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
  return static_cast<double>(to.tv_sec - from.tv_sec) +
         static_cast<double>(to.tv_nsec - from.tv_nsec) * 1e-9;
}

/// Twice the text takes at most 2.3 times the time, by the best of some measurements in turn: other
/// programs only ever make them longer. 1 ms is for the clock.
bool linear_time(const TextModel& model, std::string_view once, std::string_view twice) {
  double one = 1e9, two = 1e9;
  for (int i = 0; i < 20; ++i) {
    one = std::min(one, seconds(model, once));
    two = std::min(two, seconds(model, twice));
    if (i >= 2 && two <= 2.3 * one + 1e-3) return true;
  }
  return false;
}

std::string repeated(std::string_view unit, size_t bytes) {
  std::string out;
  while (out.size() + unit.size() <= bytes) out += unit;
  return out;
}

std::unique_ptr<TextModel> model_of(const std::string& json) {
  return parse_text_model(Json::parse(json, "model"));
}

/// The model of a real tokenizer.json, or null without the shared data.
std::unique_ptr<TextModel> real_model(const std::string& name) {
  const std::string text =
      read_maybe_xz(cat(TERN_SHARED_DATA "/tokenizers/", name, "/tokenizer.json"));
  if (text.empty()) {
    MESSAGE("skipped: no shared data at " TERN_SHARED_DATA);
    return nullptr;
  }
  return parse_text_model(Json::parse(text, "tokenizer.json")["model"]);
}

}  // namespace

TEST_CASE("odd BPE and Unigram models give the reference's tokens, and are refused where it does") {
  const auto all = lines(read_maybe_xz(TERN_TEST_DATA "/tokenizers/subwords.jsonl"));
  REQUIRE(all.size() > 200);
  size_t linear = 0, texts = 0;
  for (const std::string& line : all) {
    CAPTURE(line.substr(0, 500));
    const Json expected = Json::parse(line, "case");
    std::unique_ptr<TextModel> model;
    try {
      model = parse_text_model(expected["model"]);
    } catch (const Error& e) {
      CAPTURE(e.what());
      CHECK(!expected.contains("cases"));
      continue;
    }
    REQUIRE(expected.contains("cases"));
    const auto* bpe = dynamic_cast<const Bpe*>(model.get());
    linear += bpe && bpe->linear();
    for (const Json& c : expected["cases"].elements()) {
      const std::string_view text = *c.elements()[0].string();
      CAPTURE(std::string(text));
      CHECK(answer(*model, text) == expected_answer(c.elements()[1], text));
      ++texts;
    }
  }
  CHECK(texts > 1500);
  CHECK(linear > 100);
}

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

namespace {

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

TEST_CASE("bytes give the ids of the same piece in the byte-level alphabet") {
  for (const char* name : {"gpt2", "llama3", "small/bpe-byte-level-normalizer"}) {
    const auto model = real_model(name);
    if (!model) return;
    const auto* bpe = dynamic_cast<const Bpe*>(model.get());
    REQUIRE(bpe);
    REQUIRE(bpe->byte_level());
    std::mt19937 rng(3);
    for (int i = 0; i < 20000; ++i) {
      std::string bytes, mapped;
      const bool wild = rng() % 4 == 0;
      for (size_t k = 1 + rng() % 24; k > 0; --k) {
        const auto byte = static_cast<uint8_t>(wild ? rng() : rng() % 8 ? 'a' + rng() % 26 : ' ');
        bytes += static_cast<char>(byte);
        append_char(mapped, character_of_byte(byte));
      }
      Tokens by_bytes, by_text, defined;
      bpe->tokenize_bytes(bytes, by_bytes);
      bpe->tokenize(mapped, by_text);
      const int32_t whole = std::string_view(name) == "llama3" ? bpe->vocabulary.find(mapped) : -1;
      if (whole >= 0)
        defined.push_back({whole, 0, static_cast<uint32_t>(mapped.size())});
      else
        bpe->tokenize_by_queue(mapped, defined);
      CAPTURE(mapped);
      CHECK(written(by_text) == written(defined));
      REQUIRE(by_bytes.size() == by_text.size());
      for (size_t k = 0; k < by_bytes.size(); ++k) CHECK(by_bytes[k].id == by_text[k].id);
    }
  }
}

TEST_CASE("a whole text as one piece takes linear time, whatever it repeats") {
  const char* units[] = {"a",       "▁",          "\u0301", "\U0001F468\u200D",
                         "a\u0301", "▁the▁quick", "中",     "\n"};
  for (const char* name : {"llama2", "gemma3", "albert-base-v1"}) {
    CAPTURE(name);
    const auto model = real_model(name);
    if (!model) return;
    for (const char* unit : units) {
      CAPTURE(unit);
      constexpr size_t kBytes = size_t{1} << 18;
      CHECK(linear_time(*model, repeated(unit, kBytes), repeated(unit, 2 * kBytes)));
    }
  }
}

TEST_CASE("scores are read as the reference's JSON reader reads them") {
  // Where dropping and rounding digits twice shows; the nearest doubles are others.
  CHECK(json_score("-15.275492379532281") == -15.27549237953228);
  CHECK(json_score("-9.908701741838819") == -9.90870174183882);
  CHECK(json_score("-1.8771917354846979") == -1.877191735484698);
  CHECK(json_score("-2.5") == -2.5);
  CHECK(json_score("7") == 7.0);
  CHECK(json_score("1E-3") == 1e-3);
  CHECK(json_score("-0.0") == 0.0);
  CHECK(json_score("-1e-400") == 0.0);
  CHECK(json_score("123456789012345678901234567890") == 1.2345678901234567e29);
  for (const char* text :
       {"", "-", "NaN", "Infinity", "1e400", "-1e400", "x", "1x", "1e999999999999"}) {
    CAPTURE(text);
    CHECK(!json_score(text));
  }
}

TEST_CASE("hostile BPE and Unigram tables are errors, or small and quick") {
  struct Bad {
    std::string json;
    const char* message;
  };
  const Bad bad[] = {
      {R"({"type":"BPE","vocab":[],"merges":[]})", "vocab"},
      {R"({"type":"BPE","vocab":{},"merges":{}})", "merges"},
      {R"({"type":"BPE","vocab":{"a":0},"merges":["a b"]})", "'b'"},
      {R"({"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b"]})", "'ab'"},
      {R"({"type":"BPE","vocab":{"a":4294967296},"merges":[]})", "4294967296"},
      {R"({"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b"],"continuing_subword_prefix":"##"})",
       "'b'"},
      {R"({"type":"BPE","vocab":{},"merges":[],"unk_token":7})", "unk_token"},
      {R"({"type":"Unigram","vocab":[["a",1e999]]})", "score"},
      {R"({"type":"Unigram","vocab":[["a",NaN]]})", "score"},
      {R"({"type":"Unigram","vocab":[["a",0]],"unk_id":1e30})", "unk_id"},
      {R"({"type":"Unigram","vocab":[["a",0]],"unk_id":1})", "unk_id"},
      {R"({"vocab":{"a":0}})", "type"},
  };
  for (const Bad& b : bad) {
    CAPTURE(b.json);
    try {
      model_of(b.json);
      FAIL_CHECK("accepted");
    } catch (const Error& e) {
      CAPTURE(e.what());
      CHECK(e.code() == ErrorCode::corrupt);
      CHECK(std::string(e.what()).find(b.message) != std::string::npos);
    }
  }
  // Ids far apart, a piece of a megabyte, ids of two tokens the same.
  const auto sparse =
      model_of(R"({"type":"BPE","vocab":{"a":2147483647,"b":5,"ab":7},"merges":["a b"]})");
  CHECK(answer(*sparse, "aba") == "[[7,0,2],[2147483647,2,3]]");
  const std::string large(1 << 20, 'a');
  const auto unigram = model_of(
      cat(R"({"type":"Unigram","unk_id":0,"vocab":[["?",0],["a",-1],[")", large, R"(",-2]]})"));
  CHECK(answer(*unigram, large.substr(0, 3)) == "[[1,0,1],[1,1,2],[1,2,3]]");
  // Runs of one letter up to 512: every place begins 512 tokens.
  std::string vocab = R"("a":0)", merges;
  for (int i = 2; i <= 512; ++i) {
    vocab += cat(",\"", std::string(static_cast<size_t>(i), 'a'), "\":", i - 1);
    merges +=
        cat(merges.empty() ? "\"" : ",\"", std::string(static_cast<size_t>(i - 1), 'a'), " a\"");
  }
  const auto runs =
      model_of(cat(R"({"type":"BPE","vocab":{)", vocab, R"(},"merges":[)", merges, "]}"));
  CHECK(seconds(*runs, std::string(1 << 16, 'a')) < 2);
}
