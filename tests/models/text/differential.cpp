// SPDX-License-Identifier: Apache-2.0
// Random texts for every vocabulary: what is chosen for speed against the stages, and what must
// hold of any text. TERN_FUZZ_SEED and TERN_FUZZ_SECONDS (for each vocabulary and property) make
// longer or other runs.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../../../models/text/normalizers/normalized.h"
#include "../../../models/text/subwords/unigram.h"
#include "../../../models/text/unicode/utf8.h"
#include "../../needs.h"
#include "cases.h"
#include "random_text.h"
#include "two_ways.h"

using namespace tern;
using namespace tern::test;

namespace {

double number(const char* variable, double usual) {
  const char* text = std::getenv(variable);
  return text ? std::atof(text) : usual;
}

uint32_t seed() {
  return static_cast<uint32_t>(number("TERN_FUZZ_SEED", 1));
}

/// Calls round() until `seconds` of CPU time have passed; returns how often.
size_t repeat(double seconds, const auto& round) {
  const double end = cpu_seconds() + number("TERN_FUZZ_SECONDS", seconds);
  size_t rounds = 0;
  for (; rounds < 50 || cpu_seconds() < end; ++rounds) round();
  return rounds;
}

void check_offsets(const Encoding& e, std::string_view text) {
  std::string scratch;
  const auto characters = static_cast<int32_t>(text::count_chars(text::valid_utf8(text, scratch)));
  int32_t last_begin = 0, last_end = 0;
  for (const auto& [begin, end] : e.offsets) {
    REQUIRE(0 <= begin);
    REQUIRE(begin <= end);
    REQUIRE(end <= characters);
    REQUIRE(last_begin <= begin);
    REQUIRE(last_end <= end);
    last_begin = begin;
    last_end = end;
  }
}

}  // namespace

TEST_CASE("every vocabulary: what is chosen for speed gives what the stages give, of any text" *
          NeedsRegex()) {
  MESSAGE("seed ", seed());
  for (const std::string& folder : tokenizer_folders()) {
    CAPTURE(folder);
    const TwoWays ways(read_maybe_xz(folder + "/tokenizer.json"));
    RandomText random(ways.pipeline(), seed());
    const size_t rounds = repeat(0.4, [&] {
      const std::string text = random();
      CAPTURE(text);
      if (const auto found = ways.check(text)) check_offsets(*found, text);
    });
    MESSAGE(folder.substr(folder.rfind('/') + 1), ": ", rounds, " texts");
  }
}

TEST_CASE("byte-level vocabularies: ids are decoded to the text they came from" * NeedsRegex()) {
  for (const std::string& folder : tokenizer_folders()) {
    const std::string name = folder.substr(folder.rfind('/') + 1);
    // Their normalizer is none, or NFC.
    if (name != "gpt2" && name != "llama3" && name != "qwen3" && name != "bpe-splits") continue;
    CAPTURE(name);
    const TwoWays ways(read_maybe_xz(folder + "/tokenizer.json"));
    const Tokenizer::Pipeline& p = ways.pipeline();
    RandomText random(p, seed() + 1);
    repeat(0.3, [&] {
      text::Normalized text;
      text.text = random.valid();
      CAPTURE(text.text);
      std::vector<int64_t> ids;
      ways.fast().encode_ids(text.text, {.add_special_tokens = false}, ids);
      const std::string decoded = ways.fast().decode(ids);
      // Added tokens are taken out before the normalizer sees what is between them.
      if (p.normalizer && p.added.none_in(text.text, false)) p.normalizer->normalize(text);
      if (p.normalizer && !p.added.none_in(text.text, false)) return;
      REQUIRE(decoded == text.text);
    });
  }
}

TEST_CASE("a batch gives each text what it has alone, however the batch is cut" * NeedsRegex()) {
  for (const std::string& folder : tokenizer_folders()) {
    CAPTURE(folder);
    const TwoWays ways(read_maybe_xz(folder + "/tokenizer.json"));
    if (ways.pipeline().added.tokens().empty()) continue;
    // Any token will do for padding.
    const std::string pad = ways.pipeline().added.tokens()[0].content;
    const Tokenizer tokenizer =
        from_files({{"tokenizer.json", read_maybe_xz(folder + "/tokenizer.json")},
                    {"tokenizer_config.json", cat(R"({"pad_token":)", hub::json_quote(pad), "}")}});
    RandomText random(ways.pipeline(), seed() + 2);
    repeat(0.1, [&] {
      std::vector<std::string> batch;
      std::vector<Encoding> alone;
      const size_t cut = 1 + random.below(40);
      while (batch.size() < cut) {
        const std::string text = random();
        try {
          alone.push_back(tokenizer.encode(text, {.want_offsets = true}));
        } catch (const Error&) {
          continue;  // no token for what is unknown
        }
        batch.push_back(text);
      }
      const TokenizeOptions options = {.padding = true, .padding_side = Side::right};
      const BatchEncoding found = tokenizer(batch, options);
      REQUIRE(found.encodings.size() == batch.size());
      for (size_t i = 0; i < batch.size(); ++i) {
        CAPTURE(batch[i]);
        const Encoding& row = found.encodings[i];
        const size_t real = alone[i].ids.size();
        REQUIRE(row.ids.size() >= real);
        REQUIRE(std::equal(alone[i].ids.begin(), alone[i].ids.end(), row.ids.begin()));
        REQUIRE(std::equal(alone[i].offsets.begin(), alone[i].offsets.end(), row.offsets.begin()));
        REQUIRE(std::count(row.attention_mask.begin(), row.attention_mask.end(), 1) ==
                static_cast<std::ptrdiff_t>(real));
      }
    });
  }
}

TEST_CASE("texts of special tokens that are plain text never become special tokens" *
          NeedsRegex()) {
  size_t prompts = 0;
  for (const std::string& folder : tokenizer_folders()) {
    CAPTURE(folder);
    const TwoWays ways(read_maybe_xz(folder + "/tokenizer.json"));
    const Tokenizer::Pipeline& p = ways.pipeline();
    // A Unigram model knows the control tokens in its own list, and says so of any text.
    if (dynamic_cast<const text::Unigram*>(p.model.get())) continue;
    std::set<int64_t> special;
    for (const text::AddedToken& t : p.added.tokens()) {
      // Not those that stand for what is unknown, and words that the vocabulary makes of letters.
      if (t.special && t.content.size() > 1 && (t.content[0] == '<' || t.content[0] == '[') &&
          t.content.find("unk") == std::string::npos &&
          t.content.find("UNK") == std::string::npos) {
        special.insert(t.id);
      }
    }
    RandomText random(p, seed() + 3);
    prompts += repeat(0.2, [&] {
      std::string text;
      while (random.below(4)) {
        const auto& token = p.added.tokens()[random.below(p.added.tokens().size())];
        text += random.below(3) ? token.content : random();
      }
      CAPTURE(text);
      try {
        const Encoding e =
            ways.fast().encode(text, {.add_special_tokens = false, .split_special_tokens = true});
        for (const int64_t id : e.ids) REQUIRE(!special.contains(id));
      } catch (const Error&) {
        // No token for what is unknown.
      }
    });
  }
  MESSAGE(prompts, " prompts");
}
